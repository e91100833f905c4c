"""What workers and orchestrators leave in the store on the way: records of shards, attempts, heartbeats."""

from __future__ import annotations

from typing import Protocol

from pydantic import Field, model_validator

from core.run.manifest import ShardSlice
from core.run.value import Count, Seconds, Sha256, Size, Value


class Fingerprint(Value):
    """What can change a result's bits beside its inputs: the worker's software and processor."""

    versions: dict[str, str]
    processor: str
    batch_size: Size


class ShardRecord(Value):
    """A finished shard range. Written last: shards with a record are finished.

    Attributes:
        shard: which shards, and which images.
        images_sha256: of the adversarial images' bytes alone (C order, little-endian float32).
        rows_sha256: of the file with their rows of the ledger.
        seconds, cpu_seconds: what the attempt took.
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
    """One execution of a work unit, as its worker keeps it up to date.

    Attributes:
        task_id: comes from a message and becomes a file name.
        started: seconds since the epoch by the worker's clock.
        heartbeat: grows while the worker lives.
        redelivered: the broker had delivered the message before.
        error: why the attempt failed, or why an orchestrator gave it up.
    """

    task_id: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$")
    worker: str
    started: float
    heartbeat: Count = 0
    redelivered: bool = False
    error: str | None = None


class Orchestrator(Value):
    """The heartbeat of a process that drives a run, with what it has counted so far (see ``History``).

    Attributes:
        seen: when it was written, seconds since the epoch by the orchestrator's clock.
        gone: it ended on purpose, and no further heartbeat comes.
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
