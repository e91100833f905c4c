"""What can be done to a run that is going on. Each fault takes the command's process and its run."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import redis

from core.store import RunStore
from tasks.queues import lanes
from tests.processes import descendants, kill, processes, wait_for, workers

Fault = Callable[[Popen[str], RunStore, random.Random], None]


def pool_process(process: Popen[str], run: RunStore, rng: random.Random) -> None:
    """SIGKILL of a pool process."""
    victim = rng.choice(workers(process.pid))
    for pid in descendants(victim):
        kill(pid)


def worker(process: Popen[str], run: RunStore, rng: random.Random) -> None:
    """SIGKILL of a worker."""
    kill(rng.choice(workers(process.pid)))


def all_workers(process: Popen[str], run: RunStore, rng: random.Random) -> None:
    """SIGKILL of all workers."""
    for pid in workers(process.pid):
        kill(pid)


def frozen_worker(process: Popen[str], run: RunStore, rng: random.Random) -> None:
    """A worker and its pool process stopped (SIGSTOP) for good, as by a cut link."""
    victim = rng.choice(workers(process.pid))
    for pid in (victim, *descendants(victim)):
        kill(pid, signal.SIGSTOP)


def broker(process: Popen[str], run: RunStore, rng: random.Random) -> None:
    """SIGKILL of the broker."""
    everything = processes()
    for pid in descendants(process.pid):
        if everything.get(pid, (0, " "))[1].split()[0].endswith("valkey-server"):
            kill(pid)


def flushall(process: Popen[str], run: RunStore, rng: random.Random) -> None:
    """FLUSHALL on the broker."""
    _client(process).flushall()


def lost_message(process: Popen[str], run: RunStore, rng: random.Random) -> None:
    """A message that disappears from the queue."""
    client = _client(process)
    client.lpop(_lane(client))


def tripled_message(process: Popen[str], run: RunStore, rng: random.Random) -> None:
    """A message that comes three times."""
    client = _client(process)
    lane = _lane(client)
    message: Any = client.lindex(lane, 0)
    if message:
        client.rpush(lane, message, message)


def flipped_artifact(process: Popen[str], run: RunStore, rng: random.Random) -> None:
    """A bit of a finished shard's images turned round."""
    done = sorted(run.done())
    path = Path(run.url) / "shards" / f"{rng.choice(done):08d}.npy"
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def torn_record(process: Popen[str], run: RunStore, rng: random.Random) -> None:
    """A finished shard's record cut off."""
    path = Path(run.url) / "shards" / f"{rng.choice(sorted(run.done())):08d}.json"
    path.write_bytes(path.read_bytes()[:100])


FAULTS: dict[str, Fault] = {
    each.__doc__.rstrip(".").split(",")[0]: each
    for each in (
        pool_process,
        worker,
        all_workers,
        frozen_worker,
        broker,
        flushall,
        lost_message,
        tripled_message,
        flipped_artifact,
        torn_record,
    )
    if each.__doc__
}
ORCHESTRATOR = "SIGKILL of the orchestrator"


def _lane(client: Any) -> str:
    """The lane that the run keeps to."""
    return max(lanes(), key=client.llen)


def _client(process: Popen[str]) -> Any:
    """A client of the run's embedded broker, whose URL its workers know."""
    pid = wait_for(lambda: workers(process.pid))[0]
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    url = next(each for each in environment if each.startswith(b"ADVSHARD_BROKER_URL=")).decode().split("=", 1)[1]
    password, path = url.removeprefix("redis+socket://:").split("@", 1)
    return redis.Redis(unix_socket_path=path.split("?")[0], password=password)
