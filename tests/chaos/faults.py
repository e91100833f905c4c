"""What can happen to a run. Each fault starts one, strikes at a random moment, and looks at what became of it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

from core.run.layout import REPORT, REPORT_PAGE
from core.run.work_unit import REDUCE, single
from tasks.queues import partitions
from tests.chaos.disk import SmallDisk
from tests.chaos.place import Outcome, Place
from tests.processes import descendants, kill, wait_for, workers

Fault = Callable[[Place], Outcome]
FAULTS: dict[str, Fault] = {}


def fault(name: str) -> Callable[[Fault], Fault]:
    """Make a function known by what it does."""

    def add(function: Fault) -> Fault:
        FAULTS[name] = function
        return function

    return add


@fault("SIGKILL of a pool process")
def pool_process(place: Place) -> Outcome:
    place.embedded()
    place.wait()
    for pid in descendants(place.rng.choice(workers(place.process.pid))):
        kill(pid)
    return place.outcome()


@fault("SIGKILL of an embedded worker")
def embedded_worker(place: Place) -> Outcome:
    place.embedded()
    place.wait()
    kill(place.rng.choice(workers(place.process.pid)))
    return place.outcome()


@fault("SIGKILL of an external worker that is not replaced")
def external_worker(place: Place) -> Outcome:
    place.fleet()
    place.wait()
    kill(place.rng.choice(place.workers).pid)
    return place.outcome()


@fault("SIGKILL of all external workers, new ones after 3 s")
def all_workers(place: Place) -> Outcome:
    place.fleet()
    place.wait()
    for each in place.workers:
        kill(each.pid)
    time.sleep(3)
    place.before = len(place.run.shards.finished_indices())
    for name in ("w3", "w4"):
        place.worker(name)
    return place.outcome()


@fault("a worker frozen for longer than the lease, then back")
def frozen_worker(place: Place) -> Outcome:
    place.fleet()
    place.wait()
    victim = place.rng.choice(place.workers).pid
    frozen = [victim, *descendants(victim)]
    for pid in frozen:
        kill(pid, signal.SIGSTOP)
    place.recovered()
    wait_for(lambda: time.monotonic() - place.hit > 35 or place.process.poll() is not None)
    for pid in frozen:
        kill(pid, signal.SIGCONT)
    outcome = place.outcome()
    time.sleep(3)  # for its late result
    return outcome if outcome.wrong else place.look(place.damage())


@fault("the only worker frozen for good")
def frozen_alone(place: Place) -> Outcome:
    place.process = place.start("--workers", "1")
    place.wait()
    (victim,) = workers(place.process.pid)
    for pid in (victim, *descendants(victim)):
        kill(pid, signal.SIGSTOP)
    return place.outcome()


@fault("SIGKILL of the embedded broker")
def embedded_broker(place: Place) -> Outcome:
    place.embedded()
    place.wait()
    kill(place.broker_process())
    return place.outcome()


@fault("SIGKILL of the broker, back after 3 s with its append-only file")
def broker_with_aof(place: Place) -> Outcome:
    return _broker(place, keep=True)


@fault("SIGKILL of the broker, back after 3 s without its data")
def broker_without_aof(place: Place) -> Outcome:
    return _broker(place, keep=False)


def _broker(place: Place, keep: bool) -> Outcome:
    place.fleet()
    place.wait()
    kill(place.broker_process())
    time.sleep(3)
    assert place.server is not None
    if not keep:
        rmtree(place.server.folder / "appendonlydir")
    place.before = len(place.run.shards.finished_indices())
    place.server.restart()
    return place.outcome()


@fault("FLUSHALL on the broker")
def flushall(place: Place) -> Outcome:
    place.embedded()
    place.wait()
    place.client().flushall()
    return place.outcome()


@fault("a message lost")
def lost_message(place: Place) -> Outcome:
    place.embedded()
    place.wait()
    client = place.client()
    client.lpop(_partition(client))
    return place.outcome()


@fault("a message delivered three times")
def tripled_message(place: Place) -> Outcome:
    place.embedded()
    place.wait()
    client = place.client()
    partition = _partition(client)
    message: Any = client.lindex(partition, 0)
    if message:
        client.rpush(partition, message, message)
    return place.outcome()


def _partition(client: Any) -> str:
    """The partition that the run uses."""
    return max(partitions(), key=client.llen)


@fault("SIGKILL of the orchestrator while it plans")
def orchestrator_plan(place: Place) -> Outcome:
    place.process = place.start("--workers", "2")
    time.sleep(place.rng.uniform(0.3, 2.0))
    place.hit = time.monotonic()
    place.kill_orchestrator()
    place.process = place.start("--workers", "2")
    return place.outcome()


@fault("SIGKILL of the orchestrator while it sends")
def orchestrator_dispatch(place: Place) -> Outcome:
    return _orchestrator(place, lambda: bool(place.run))


@fault("SIGKILL of the orchestrator while shards are attacked")
def orchestrator_watch(place: Place) -> Outcome:
    at = place.moment()
    return _orchestrator(place, lambda: len(place.run.shards.finished_indices()) >= at)


@fault("SIGKILL of the orchestrator during the reduce")
def orchestrator_reduce(place: Place) -> Outcome:
    return _orchestrator(place, lambda: bool(place.run.attempts.of(REDUCE)))


@fault("SIGKILL of the orchestrator before the page is drawn")
def orchestrator_report(place: Place) -> Outcome:
    return _orchestrator(place, lambda: place.run.folder.exists(REPORT))


def _orchestrator(place: Place, moment: Callable[[], bool]) -> Outcome:
    place.embedded()
    wait_for(moment, poll=0.005)
    place.strike()
    place.kill_orchestrator()
    outcome = place.healed("--workers", "2")
    page = place.run.folder.exists(REPORT_PAGE)
    return outcome if outcome.wrong or page else place.look("no page")


@fault("a second orchestrator on the same run")
def two_orchestrators(place: Place) -> Outcome:
    place.embedded()
    place.wait()
    other = place.start("--workers", "1")
    outcome = place.outcome()
    other.communicate(timeout=120)
    if other.returncode:
        return place.look(f"the second ended with exit code {other.returncode}")
    return outcome if outcome.wrong else place.look(place.damage())


@fault("a shard that always kills its worker, healed by resume")
def poison(place: Place) -> Outcome:
    return _given_up(place, "WorkerLostError", FAULT="kill")


@fault("a shard that always hangs, healed by resume")
def hang(place: Place) -> Outcome:
    return _given_up(place, "TimeLimitExceeded", FAULT="hang")


def _given_up(place: Place, error: str, **fault: str) -> Outcome:
    """The others are done, it is quarantined with its error, and healthy workers can make it."""
    shard = place.rng.randrange(place.shards)
    place.options = ("--time-limit", "15")
    place.fleet(FAULT_SHARD=str(shard), **fault)
    place.wait()
    outcome = place.outcome(code=3)
    quarantined = place.run.quarantine.errors()
    if outcome.wrong or list(quarantined) != [shard] or error not in quarantined[shard]:
        return place.look(outcome.wrong or f"quarantined: {quarantined}")
    before = place.run.attempts.of(single(shard))
    again = place.resume(**place.environment)
    again.communicate(timeout=60)
    if again.returncode != 3 or len(before) < 3 or place.run.attempts.of(single(shard)) != before:
        return place.look("a new orchestrator did not keep to the count of attempts")
    place.hit = time.monotonic()
    return place.healed("--retry-quarantined", "--workers", "2")


@fault("a shard that hangs once, overtaken by a speculative attempt")
def slow(place: Place) -> Outcome:
    shard = place.rng.randrange(place.shards)
    place.fleet(FAULT="hang_once", FAULT_SHARD=str(shard), FAULT_MARK=str(place.folder / "mark"))
    wait_for((place.folder / "mark").exists)
    place.strike()
    outcome = place.outcome()
    history = place.run.results.report().history  # type: ignore[union-attr]
    return (
        outcome
        if outcome.wrong or (history and history.speculative_attempts == 1)
        else place.look("no speculative attempt")
    )


@fault("a full disk, with room again before resume")
def full_disk(place: Place) -> Outcome:
    disk = place.stack.enter_context(SmallDisk.mounted(place.folder, megabytes=48))
    place.disk = disk
    place.embedded()
    place.wait()
    disk.fill()
    outcome = place.outcome(code=2)
    if outcome.wrong or place.run.results.report() is not None:
        return place.look(outcome.wrong or "a report on a full disk")
    disk.empty()
    place.hit = time.monotonic()
    return place.healed("--workers", "2")


@fault("one bit flipped in the images of a finished shard")
def flipped_bit(place: Place) -> Outcome:
    return _damage(place, ".npy", lambda content: _flip(content, place.rng.randrange(8 * len(content))))


@fault("the rows of a finished shard truncated")
def truncated(place: Place) -> Outcome:
    return _damage(place, ".parquet", lambda content: content[: place.rng.randrange(len(content))])


@fault("the record of a finished shard truncated")
def torn_record(place: Place) -> Outcome:
    return _damage(place, ".json", lambda content: content[: place.rng.randrange(len(content))])


def _damage(place: Place, suffix: str, change: Callable[[bytes], bytes]) -> Outcome:
    place.embedded()
    place.wait()
    finished = sorted((Path(place.run.url) / "shards").glob("*.json"))
    path = place.rng.choice(finished).with_suffix(suffix)
    path.write_bytes(change(path.read_bytes()))
    return place.outcome()


def _flip(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@fault("a memory limit that each shard exceeds")
def memory(place: Place) -> Outcome:
    place.tasks = 8  # each in a new process
    place.fleet("--max-memory-per-child", "100000")
    place.strike()
    return place.outcome()


@fault("clocks that jump by up to a day at every reading")
def clock(place: Place) -> Outcome:
    place.fleet(FAULT="clock")
    place.strike()
    return place.outcome()
