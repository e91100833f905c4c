"""What workers and orchestrators leave in the store on the way: records of shards, attempts, heartbeats."""

from __future__ import annotations

from typing import Protocol

from pydantic import Field, model_validator

from core.run.manifest import Shard
from core.run.value import Count, Seconds, Sha256, Size, Value


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


class FinishedShard(Protocol):
    """A finished shard, or several in one, and the digests of its artifacts, as its record has them."""

    @property
    def shard(self) -> Shard:
        """Which images."""

    @property
    def images_sha256(self) -> str:
        """See ShardRecord."""

    @property
    def rows_sha256(self) -> str:
        """See ShardRecord."""
