"""What workers and orchestrators write to the store during a run: records of shards, attempts, heartbeats."""

from __future__ import annotations

from typing import Protocol

from pydantic import Field, model_validator

from core.run.manifest import ShardSlice
from core.run.value import Count, Seconds, Sha256, Size, Value


class Fingerprint(Value):
    """What can change the bits of a result besides its inputs.

    Attributes:
        versions: the worker's software.
        processor: its processor, see core.runtime.fingerprint.
        batch_size: images in a pass.
        precision: of gradients, with the processor's instructions if it is not float32.
    """

    versions: dict[str, str]
    processor: str
    batch_size: Size
    precision: str = "float32"


class ShardRecord(Value):
    """A finished shard range. Written last: shards with a record are finished.

    Attributes:
        shard: the shards and their images.
        images_sha256: of the adversarial images' bytes alone (C order, little-endian float32).
        rows_sha256: of the file with their rows of the ledger.
        successes: images whose prediction changed.
        fallbacks: images that went to the fallback.
        fingerprint: what they were computed with.
        worker: the node name.
        seconds, cpu_seconds: duration of the attempt.
    """

    shard: ShardSlice
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
    """One execution of a work unit, kept up to date by its worker.

    Attributes:
        task_id: comes from a message and becomes a file name.
        worker: the node name.
        started: seconds since the epoch by the worker's clock.
        heartbeat: increases while the worker lives.
        redelivered: whether the broker had delivered the message before.
        error: why the attempt failed, or why an orchestrator gave it up.
    """

    task_id: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$")
    worker: str
    started: float
    heartbeat: Count = 0
    redelivered: bool = False
    error: str | None = None


class Orchestrator(Value):
    """The heartbeat of a process that drives a run, with its counts so far (see ``History``).

    Attributes:
        token: names the process.
        host, pid: where it runs.
        seen: when the heartbeat was written, seconds since the epoch by the orchestrator's clock.
        gone: the process ended on purpose, and no further heartbeat comes.
    """

    token: str = Field(pattern=r"^[0-9a-f]{32}$")
    host: str
    pid: Count
    seen: float
    gone: bool = False
    messages: Count = 0
    speculative_attempts: Count = 0
    damaged_shards: Count = 0
    workers_restarted: Count = 0
    brokers_restarted: Count = 0


class RunTiming(Value):
    """How long the orchestrator that finished the run took, in seconds. ``report.json`` has the workers' times.

    Attributes:
        attack_seconds: until every shard was finished or quarantined.
        run_seconds: until the report was written.
    """

    attack_seconds: Seconds
    run_seconds: Seconds


class Preflight(Value):
    """What a worker found on a sample of the images before the first shard.

    Attributes:
        images: in the sample.
        predicted: number of images by predicted class.
        labelled: number of images by label; None without labels.
        right: images predicted as their label; None without labels.
        forward_seconds: CPU time of a forward pass of an image.
        gradient_seconds: CPU time of a forward and a backward pass of an image.
    """

    images: Size
    predicted: dict[Count, Size]
    labelled: dict[Count, Size] | None
    right: Count | None
    forward_seconds: Seconds
    gradient_seconds: Seconds

    @model_validator(mode="after")
    def _of_all_images(self) -> Preflight:
        for each in (self.predicted, self.labelled):
            if each is not None and sum(each.values()) != self.images:
                raise ValueError(f"classes of {sum(each.values())} of {self.images} images")
        if (self.right is None) != (self.labelled is None) or (self.right or 0) > self.images:
            raise ValueError(f"{self.right} of {self.images} images right")
        return self


class FinishedShard(Protocol):
    """What the reduce needs of the record of a finished shard range."""

    @property
    def shard(self) -> ShardSlice:
        """Which images."""

    @property
    def images_sha256(self) -> str:
        """See ShardRecord."""

    @property
    def rows_sha256(self) -> str:
        """See ShardRecord."""
