"""The values that travel between plan, task, watch and reduce: frozen, validated, JSON.

Nothing else goes through the store as JSON, and nothing but (run URL, shard index) through the broker.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Scalar = bool | int | float | str | None
RESULT_VERSION = 1  # grows with every change of the code that can change a byte of the result


class Value(BaseModel):
    """Base of all contracts: immutable, no unknown keys, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StageConfig(Value):
    """An attack by its registered name, with all of its hyper-parameters."""

    attack: str
    params: dict[str, Scalar] = {}


class RunConfig(Value):
    """How the images are attacked. With the inputs, it determines the result.

    fallback: applied to the images that the attack left unchanged.
    labels: what an attack moves an image away from, the clean prediction or the data set's label.
    bounds: the lowest and highest pixel value that the model expects.
    batch_size: the fixed shape of every pass through the model.
    """

    attack: StageConfig
    fallback: StageConfig | None = None
    labels: Literal["predicted", "true"] = "predicted"
    bounds: tuple[float, float] = (0.0, 1.0)
    seed: int = Field(0, ge=0)
    batch_size: int = Field(64, ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> RunConfig:
        if not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"bounds must grow from LO to HI, not {self.bounds}")
        return self


class Blob(Value):
    """A content-addressed input of a run."""

    name: str = Field(pattern=r"^[0-9a-f]{64}\.(npy|keras|h5)$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class DataRef(Value):
    """The attacked images: (count, *image_shape) of type dtype, and their labels."""

    name: str
    count: int = Field(ge=1)
    image_shape: tuple[int, int, int]
    dtype: Literal["uint8", "float32"]
    images: Blob
    labels: Blob
    class_names: tuple[str, ...] = ()


class ModelRef(Value):
    """The attacked model."""

    name: str
    classes: int = Field(ge=2)
    file: Blob


class Shard(Value):
    """Images start to stop of the data set (stop excluded)."""

    index: int = Field(ge=0)
    start: int = Field(ge=0)
    stop: int

    @property
    def count(self) -> int:
        """The number of images."""
        return self.stop - self.start


class Manifest(Value):
    """All that a worker needs to know of a run. Written once, before anything is sent.

    max_attempts: failed executions before a shard is given up. time_limit: seconds for one execution.
    """

    layout: Literal[1] = 1
    run_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    created: str
    config: RunConfig
    data: DataRef
    model: ModelRef
    shards: int = Field(ge=1)
    max_attempts: int = Field(3, ge=1)
    time_limit: float = Field(3600.0, gt=0)
    versions: dict[str, str]

    @model_validator(mode="after")
    def _fits(self) -> Manifest:
        if self.shards > self.data.count:
            raise ValueError(f"{self.shards} shards for {self.data.count} images")
        return self

    def shard(self, index: int) -> Shard:
        """Shard ``index``: sizes differ by one image at most."""
        if not 0 <= index < self.shards:
            raise ValueError(f"shard {index} of a run with {self.shards}")
        n = self.data.count
        return Shard(index=index, start=index * n // self.shards, stop=(index + 1) * n // self.shards)


class Fingerprint(Value):
    """What can change a result's bits beside its inputs: the worker's software and processor."""

    versions: dict[str, str]
    processor: str
    batch_size: int


class ShardRecord(Value):
    """One finished shard. Written last: a shard with a record is done.

    images_sha256 is that of the adversarial images' bytes alone (C order, little-endian float32),
    rows_sha256 that of the file of its rows.
    """

    shard: Shard
    images_sha256: str
    rows_sha256: str
    successes: int
    fallbacks: int
    fingerprint: Fingerprint
    worker: str
    seconds: float
    cpu_seconds: float


class Attempt(Value):
    """One execution of a shard (or of the reduce), as its worker keeps it up to date.

    beat grows while the worker lives; error is its last word if it failed, or the orchestrator's if it
    gave the execution up. redelivered: the broker had delivered its message before.
    """

    task_id: str
    worker: str
    started: float
    beat: int = 0
    redelivered: bool = False
    error: str | None = None


class Driver(Value):
    """A process that drives a run, as of ``seen`` (seconds since the epoch by its clock), and what it did so far.

    What it counts is told at ``History``.
    """

    token: str = Field(pattern=r"^[0-9a-f]{32}$")
    host: str
    pid: int
    seen: float
    gone: bool = False
    messages: int = 0
    copies: int = 0
    remade: int = 0
    workers_restarted: int = 0
    brokers_restarted: int = 0


class AuditCheck(Value):
    """One thing that was checked about the result."""

    name: str
    passed: bool
    detail: str


class ClassFigures(Value):
    """The figures of the images with one label."""

    label: int
    name: str
    count: int
    clean_accuracy: float
    success_rate: float
    ssim_mean: float | None


class History(Value):
    """What happened on the way. Without any fault: one orchestrator, one execution of each shard, and no more.

    orchestrators: processes that drove the run; messages: sent by them, the reduce's included;
    executions: of shards; redelivered: executions of a message that the broker had delivered before;
    failures: executions that failed or were given up, by their kind of error; copies: shards sent a
    second time because they were slow; remade: shards made again because what the store held of them
    was damaged; workers_restarted, brokers_restarted: of the embedded default.
    """

    orchestrators: int
    messages: int
    executions: int
    redelivered: int
    failures: dict[str, int]
    copies: int
    remade: int
    workers_restarted: int
    brokers_restarted: int


class Report(Value):
    """What ``report.json`` holds: every figure measured on the artifacts as written.

    success_rate: share of images whose prediction on the adversarial image differs from that on
    the clean one; error_rate: whose prediction on the adversarial image differs from the label;
    success_rate_uint8: the success rate after rounding the adversarial image to 8 bits. The means
    of SSIM are None where SSIM is not defined (a side under 11 pixels) or no image counts.
    errors: why each quarantined shard was given up. executions: how often a shard was started;
    without any fault, the number of shards. history and some of the timing are the orchestrator's.
    """

    run_id: str
    complete: bool
    n_images: int
    clean_accuracy: float
    success_rate: float
    error_rate: float
    success_rate_uint8: float
    ssim_mean: float | None
    ssim_mean_success: float | None
    linf_max: float
    means: dict[str, float | None]
    fallback_count: int
    fallback_reasons: dict[str, int]
    unchanged_count: int
    duplicate_count: int
    steps_mean: float
    classes: list[ClassFigures]
    missing_shards: list[int]
    quarantined_shards: list[int]
    errors: dict[int, str]
    executions: int
    attack_data_sha256: str | None
    audit: list[AuditCheck]
    timing: dict[str, float]
    history: History | None = None


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value in its canonical form (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
