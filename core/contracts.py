"""The values that travel between plan, task, watch and reduce: frozen, validated, JSON.

Nothing else goes through the store as JSON, and nothing but (run URL, shards) through the broker.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.spans import MOST_TOGETHER, Shards, Span, title

Scalar = bool | int | float | str | None
Count = Annotated[int, Field(ge=0)]
Size = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
MOST_SHARDS = 10**8  # their numbers have eight digits in the names of files
LARGEST_BATCH = 2**16
RESULT_VERSION = 7  # grows with every change of the code that can change a byte of the result


class Value(BaseModel):
    """Base of all contracts: immutable, no unknown keys, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Blob(Value):
    """A content-addressed input of a run."""

    name: str = Field(pattern=r"^[0-9a-f]{64}\.(npy|keras|h5)$")
    sha256: Sha256

    @model_validator(mode="after")
    def _named_by_content(self) -> Blob:
        if not self.name.startswith(self.sha256):
            raise ValueError(f"{self.name} for the SHA-256 {self.sha256}")
        return self


class StageConfig(Value):
    """An attack by its registered name, with all of its hyper-parameters, and the inputs that it alone needs.

    only_unchanged: it is for the images that the stage before left unchanged, not for all that withstood.
    """

    attack: str
    params: dict[str, Scalar] = {}
    assets: dict[str, Blob] = {}
    only_unchanged: bool = False


class RunConfig(Value):
    """How the images are attacked. With the inputs, it determines the result.

    stages: each image goes from one to the next while it withstands.
    labels: what an attack moves an image away from, the clean prediction or the data set's label.
    target: what it is to be predicted as instead: a class, or a rule of core.targets.
    bounds: the lowest and highest pixel value that the model expects.
    batch_size: the fixed shape of every pass through the model.
    """

    stages: tuple[StageConfig, ...] = Field(min_length=1)
    labels: Literal["predicted", "true"] = "predicted"
    target: Count | Literal["least-likely", "random"] | None = None
    bounds: tuple[float, float] = (0.0, 1.0)
    seed: int = Field(0, ge=0)
    batch_size: int = Field(64, ge=1, le=LARGEST_BATCH)

    @model_validator(mode="after")
    def _ordered(self) -> RunConfig:
        if not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"bounds must grow from LO to HI, not {self.bounds}")
        return self

    @property
    def attack(self) -> str:
        """The attacks that every image can come to, by their names: ``mifgsm,deepfool``."""
        return ",".join(stage.attack for stage in self.stages if not stage.only_unchanged)


class DataRef(Value):
    """The attacked images: (count, *image_shape) of type dtype, and their labels."""

    name: str
    count: Size
    image_shape: tuple[Size, Size, Size]
    dtype: Literal["uint8", "float32"]
    images: Blob
    labels: Blob
    class_names: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _addressable(self) -> DataRef:
        if 8 * self.count * math.prod(self.image_shape) >= 2**63:
            raise ValueError(f"{self.count} images of shape {self.image_shape}, more than a file can hold")
        return self


class ModelRef(Value):
    """The attacked model."""

    name: str
    classes: int = Field(ge=2)
    file: Blob


class Shard(Value):
    """Images start to stop of the data set (stop excluded): shard ``index``, or shards index to ``last`` together."""

    index: int = Field(ge=0, lt=MOST_SHARDS)
    last: int | None = Field(None, lt=MOST_SHARDS)
    start: Count
    stop: int

    @model_validator(mode="after")
    def _not_empty(self) -> Shard:
        if self.stop <= self.start:
            raise ValueError(f"images {self.start} to {self.stop}")
        if self.last is not None and not 0 < self.last - self.index < MOST_TOGETHER:
            raise ValueError(f"shards {self.index} to {self.last} together")
        return self

    @property
    def shards(self) -> Shards:
        """By their numbers."""
        return self.index if self.last is None else Span(self.index, self.last)

    @property
    def title(self) -> str:
        """For messages."""
        return title(self.shards)

    @property
    def count(self) -> int:
        """The number of images."""
        return self.stop - self.start


class Manifest(Value):
    """All that a worker needs to know of a run. Written once, before anything is sent.

    max_attempts: failed executions before a shard is given up. time_limit: seconds for one execution.
    shards_per_task: neighbours that a task takes together; the result is the same with any number of them.
    """

    layout: Literal[1] = 1
    run_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    created: str
    config: RunConfig
    data: DataRef
    model: ModelRef
    shards: int = Field(ge=1, le=MOST_SHARDS)
    max_attempts: int = Field(3, ge=1)
    time_limit: float = Field(3600.0, gt=0)
    shards_per_task: int = Field(1, ge=1, le=MOST_TOGETHER)
    versions: dict[str, str]

    @model_validator(mode="after")
    def _fits(self) -> Manifest:
        if self.shards > self.data.count:
            raise ValueError(f"{self.shards} shards for {self.data.count} images")
        return self

    def shard(self, shards: Shards) -> Shard:
        """A shard, or several together: sizes of shards differ by one image at most."""
        first, last = (shards, shards) if isinstance(shards, int) else (shards.first, shards.last)
        if not 0 <= first <= last < self.shards:
            raise ValueError(f"shards {first} to {last} of a run with {self.shards}")
        n = self.data.count
        start, stop = first * n // self.shards, (last + 1) * n // self.shards
        return Shard(index=first, last=None if first == last else last, start=start, stop=stop)

    def block(self, index: int) -> Shards:
        """What a task takes together with shard ``index``."""
        first = index // self.shards_per_task * self.shards_per_task
        last = min(first + self.shards_per_task, self.shards) - 1
        return first if first == last else Span(first, last)


class Fingerprint(Value):
    """What can change a result's bits beside its inputs: the worker's software and processor."""

    versions: dict[str, str]
    processor: str
    batch_size: Size


class ShardRecord(Value):
    """A finished shard, or several that were attacked together. Written last: a shard with a record is done.

    images_sha256 is that of the adversarial images' bytes alone (C order, little-endian float32),
    rows_sha256 that of the file of its rows.
    """

    shard: Shard
    images_sha256: Sha256
    rows_sha256: Sha256
    successes: Count
    fallbacks: Count
    fingerprint: Fingerprint
    worker: str
    seconds: Seconds
    cpu_seconds: Seconds

    @model_validator(mode="after")
    def _fits(self) -> ShardRecord:
        if max(self.successes, self.fallbacks) > self.shard.count:
            raise ValueError(f"{self.successes} successes, {self.fallbacks} fallbacks of {self.shard.count} images")
        return self


class Attempt(Value):
    """One execution of a shard (or of the reduce), as its worker keeps it up to date.

    task_id comes from a message and becomes the name of a file. beat grows while the worker lives; error
    is its last word if it failed, or the orchestrator's if it gave the execution up. redelivered: the
    broker had delivered its message before.
    """

    task_id: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$")
    worker: str
    started: float
    beat: Count = 0
    redelivered: bool = False
    error: str | None = None


class Driver(Value):
    """A process that drives a run, as of ``seen`` (seconds since the epoch by its clock), and what it did so far.

    What it counts is told at ``History``.
    """

    token: str = Field(pattern=r"^[0-9a-f]{32}$")
    host: str
    pid: Count
    seen: float
    gone: bool = False
    messages: Count = 0
    copies: Count = 0
    remade: Count = 0
    workers_restarted: Count = 0
    brokers_restarted: Count = 0


class AuditCheck(Value):
    """One thing that was checked about the result."""

    name: str
    passed: bool
    detail: str


class ClassFigures(Value):
    """The figures of the images with one label."""

    label: int
    name: str
    count: Size
    clean_accuracy: Rate
    success_rate: Rate
    ssim_mean: float | None


class AttackFigures(Value):
    """The figures of the images that one attack made: those it flipped first, or that none flipped."""

    attack: str
    count: Size
    successes: Count
    linf_max: float
    l2_max: float


class History(Value):
    """What happened on the way. Without any fault: one orchestrator, one execution of each shard, and no more.

    orchestrators: processes that drove the run; messages: sent by them, the reduce's included;
    executions: of shards; redelivered: executions of a message that the broker had delivered before;
    failures: executions that failed or were given up, by their kind of error; copies: shards sent a
    second time because they were slow; remade: shards made again because what the store held of them
    was damaged; workers_restarted, brokers_restarted: of the embedded default.
    """

    orchestrators: Count
    messages: Count
    executions: Count
    redelivered: Count
    failures: dict[str, Count]
    copies: Count
    remade: Count
    workers_restarted: Count
    brokers_restarted: Count


class Report(Value):
    """What ``report.json`` holds: every figure measured on the artifacts as written.

    success_rate: share of images whose prediction on the adversarial image differs from that on
    the clean one; error_rate: whose prediction on the adversarial image differs from the label;
    success_rate_uint8: the success rate after rounding the adversarial image to 8 bits. The means
    of SSIM are None where SSIM is not defined (a side under 11 pixels) or no image counts.
    target_rate: of a targeted run, the share of images that are predicted as their target.
    errors: why each quarantined shard was given up. executions: how often a shard was started;
    without any fault, the number of shards. history and some of the timing are the orchestrator's.
    """

    run_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    complete: bool
    n_images: Size
    clean_accuracy: Rate
    success_rate: Rate
    error_rate: Rate
    success_rate_uint8: Rate
    target_rate: Rate | None = None
    ssim_mean: float | None
    ssim_mean_success: float | None
    linf_max: Annotated[float, Field(ge=0)]
    means: dict[str, float | None]
    fallback_count: Count
    fallback_reasons: dict[str, Count]
    unchanged_count: Count
    duplicate_count: Count
    steps_mean: Annotated[float, Field(ge=0)]
    classes: list[ClassFigures]
    attacks: list[AttackFigures]
    missing_shards: list[Count]
    quarantined_shards: list[Count]
    errors: dict[int, str]
    executions: Count
    attack_data_sha256: Sha256 | None
    audit: list[AuditCheck]
    timing: dict[str, float]
    history: History | None = None

    @model_validator(mode="after")
    def _complete_or_not(self) -> Report:
        if self.complete == bool(self.missing_shards):
            raise ValueError(f"complete is {self.complete} with {len(self.missing_shards)} shards missing")
        return self


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value in its canonical form (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
