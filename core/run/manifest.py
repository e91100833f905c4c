"""The manifest: everything that determines a run, written once before any message is sent."""

from __future__ import annotations

import math
import re
from typing import Literal

from pydantic import Field, model_validator

from core.errors import StoreError
from core.image.pixels import Preprocess
from core.run.value import Count, Scalar, Sha256, Size, Value
from core.run.work_unit import MAX_RANGE, ShardRange
from core.runtime.bfloat16 import Precision

MAX_SHARDS = 10**8  # file names have eight digits for a shard
LARGEST_BATCH = 2**16
LAYOUT: Literal[2] = 2  # grows when an older run can no longer be read
_LAYOUT = re.compile(rb'"layout": ?([0-9]{1,9})\b')


class Blob(Value):
    """A content-addressed input of a run.

    Attributes:
        name: the SHA-256 in hexadecimal, with the suffix of the file type.
        sha256: of the file's content.
    """

    name: str = Field(pattern=r"^[0-9a-f]{64}\.(npy|keras|h5|savedmodel\.zip)$")
    sha256: Sha256

    @model_validator(mode="after")
    def _named_by_content(self) -> Blob:
        if not self.name.startswith(self.sha256):
            raise ValueError(f"{self.name} for the SHA-256 {self.sha256}")
        return self


class StageConfig(Value):
    """One attack of a run.

    Attributes:
        attack: the registered name.
        params: all hyper-parameters, defaults included.
        assets: inputs that this attack alone needs.
        only_unchanged: whether it is for the images that the previous stage left unchanged, not for all unbroken ones.
    """

    attack: str
    params: dict[str, Scalar] = Field({})
    assets: dict[str, Blob] = Field({})
    only_unchanged: bool = False


class RunConfig(Value):
    """How the images are attacked. With the inputs, it determines the result.

    Attributes:
        stages: the attacks in their order; each image passes to the next one while it is unbroken.
        labels: what an attack moves an image away from, the clean prediction or the data set's label.
        target: what it moves an image towards, if anything: a class, or a rule of core.shard.targets.
        bounds: the lowest and highest pixel value.
        preprocess: Keras's preprocessing between pixels and model.
        seed: selects all random numbers.
        batch_size: the fixed number of images in every pass through the model.
        precision: of gradients; predictions are float32's.
    """

    stages: tuple[StageConfig, ...] = Field(min_length=1)
    labels: Literal["predicted", "true"]
    target: Count | Literal["least-likely", "random"] | None = None
    bounds: tuple[float, float]
    preprocess: Preprocess = "none"
    seed: int = Field(ge=0)
    batch_size: int = Field(ge=1, le=LARGEST_BATCH)
    precision: Precision = "float32"

    @model_validator(mode="after")
    def _ordered(self) -> RunConfig:
        if not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"bounds must grow from LO to HI, not {self.bounds}")
        return self

    @property
    def attack(self) -> str:
        """The names of the attacks for all images, joined: ``mifgsm,deepfool``."""
        return ",".join(stage.attack for stage in self.stages if not stage.only_unchanged)


class BrokenRef(Value):
    """An image that was left out: its name in the set, and why it can't be read."""

    name: str
    reason: str


class DataRef(Value):
    """The attacked images and their labels.

    Attributes:
        name: as the user named the data.
        count: number of images N.
        image_shape: (H, W, C).
        dtype: of the stored images.
        images: .npy file (N, H, W, C).
        labels: .npy file (N,); None for a set without labels.
        class_names: one per class; empty if unknown.
        resampler: how image files were resized; None if they were not.
        broken: images that can't be read and were left out.
        notes: how images and labels were understood where there was a choice.
    """

    name: str
    count: Size
    image_shape: tuple[Size, Size, Size]
    dtype: Literal["uint8", "float32"]
    images: Blob
    labels: Blob | None
    class_names: tuple[str, ...] = ()
    resampler: str | None = None
    broken: tuple[BrokenRef, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, C)."""
        return (self.count, *self.image_shape)

    @model_validator(mode="after")
    def _addressable(self) -> DataRef:
        if 8 * self.count * math.prod(self.image_shape) >= 2**63:
            raise ValueError(f"{self.count} images of shape {self.image_shape}, more than a file can hold")
        return self


class ModelRef(Value):
    """The attacked model.

    Attributes:
        name: as the user named it.
        classes: number of classes.
        file: the Keras file, or a packed SavedModel.
    """

    name: str
    classes: int = Field(ge=2)
    file: Blob


class ShardSlice(Value):
    """Images ``start`` to ``stop`` (excluded) of the data set, which are shards ``first`` to ``last`` (included)."""

    first: int = Field(ge=0, lt=MAX_SHARDS)
    last: int = Field(lt=MAX_SHARDS)
    start: Count
    stop: int

    @model_validator(mode="after")
    def _not_empty(self) -> ShardSlice:
        if self.stop <= self.start:
            raise ValueError(f"images {self.start} to {self.stop}")
        if not 0 <= self.last - self.first < MAX_RANGE:
            raise ValueError(f"a range of shards {self.first} to {self.last}")
        return self

    @property
    def range(self) -> ShardRange:
        """The shards."""
        return ShardRange(self.first, self.last)

    @property
    def count(self) -> int:
        """The number of images."""
        return self.stop - self.start


class Manifest(Value):
    """All that a worker needs to know about a run. Written once, before any message is sent.

    Attributes:
        layout: version of the files' layout.
        run_id: digest of everything that determines the result.
        created: when the run was planned, ISO 8601 in UTC.
        config: how the images are attacked.
        data: the images.
        model: the model.
        shards: number of shards.
        max_attempts: failed attempts before a shard is quarantined.
        time_limit: seconds for one attempt.
        shards_per_task: neighbouring shards that one task takes; the result does not depend on it.
        versions: of the software that determines the result.
    """

    layout: Literal[2] = LAYOUT
    run_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    created: str
    config: RunConfig
    data: DataRef
    model: ModelRef
    shards: int = Field(ge=1, le=MAX_SHARDS)
    max_attempts: int = Field(ge=1)
    time_limit: float = Field(gt=0)
    shards_per_task: int = Field(1, ge=1, le=MAX_RANGE)
    versions: dict[str, str]

    @model_validator(mode="after")
    def _fits(self) -> Manifest:
        if self.shards > self.data.count:
            raise ValueError(f"{self.shards} shards for {self.data.count} images")
        if self.config.labels == "true" and self.data.labels is None:
            raise ValueError("images moved away from labels that the set does not have")
        return self

    def slice_of(self, shards: ShardRange) -> ShardSlice:
        """The images of a shard range. Sizes of shards differ by one image at most."""
        if not 0 <= shards.first <= shards.last < self.shards:
            raise ValueError(f"{shards} of a run with {self.shards}")
        n = self.data.count
        start, stop = shards.first * n // self.shards, (shards.last + 1) * n // self.shards
        return ShardSlice(first=shards.first, last=shards.last, start=start, stop=stop)

    def range_of(self, index: int) -> ShardRange:
        """The range of shards that one task takes and that shard ``index`` belongs to."""
        first = index // self.shards_per_task * self.shards_per_task
        return ShardRange(first, min(first + self.shards_per_task, self.shards) - 1)


def check_layout(content: bytes, url: str) -> None:
    """Refuse the manifest of another layout in one clear line. Damaged manifests pass; the decoder reports them.

    Args:
        content: the manifest's bytes.
        url: of the run, for the message.

    Raises:
        StoreError: the run has another layout.
    """
    found = _LAYOUT.search(content[:4096])
    if found and int(found[1]) != LAYOUT:
        raise StoreError(
            f"a run of layout {LAYOUT}",
            f"layout {int(found[1])} at {url}, written by another version of advshard",
            "open it with the version that wrote it, or give the run command again for a new run",
        )
