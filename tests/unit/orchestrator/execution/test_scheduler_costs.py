"""What the scheduler asks of the store, and how often."""

from __future__ import annotations

from collections import Counter, deque
from pathlib import Path
from typing import Any

import pytest

from core.run.records import Attempt
from core.run.run_store import RunStore
from core.run.work_unit import ShardRange, WorkUnit, single
from core.shard.attack_shard import run_shard
from orchestrator.execution.limits import Limits
from orchestrator.execution.poll_throttle import PollThrottle
from orchestrator.execution.scheduler import Scheduler
from tests.made_up_fleet import FakeClock
from tests.runs import linear_classifier, planned, save_set

pytestmark = pytest.mark.timeout(30)


class Counted:
    """Counts what the store is asked: listings by the folder, and how many small files."""

    def __init__(self, run: RunStore, monkeypatch: Any) -> None:
        self.listed: Counter[str] = Counter()
        self.read = 0
        names, find, read_many = run.folder.names, run.folder.find, run.folder.read_many

        def counted_names(folder: str = "") -> list[str]:
            self.listed["one unit" if "/" in folder else folder] += 1
            return names(folder)

        def counted_find(folder: str) -> list[str]:
            self.listed[folder] += 1
            return find(folder)

        def counted_read(pieces: Any) -> list[bytes | None]:
            self.read += len(pieces)
            return read_many(pieces)

        monkeypatch.setattr(run.folder, "names", counted_names)
        monkeypatch.setattr(run.folder, "find", counted_find)
        monkeypatch.setattr(run.folder, "read_many", counted_read)


class Queue:
    """A queue, and a worker that does ``each`` of its messages between two looks at the store."""

    def __init__(self, run: RunStore, each: int) -> None:
        self.run, self.each = run, each
        self.units: deque[ShardRange] = deque()
        self.one = run_shard(run, single(0), linear_classifier, "w1")
        run.shards.forget(single(0))

    def send(self, unit: WorkUnit) -> None:
        assert isinstance(unit, ShardRange)
        self.units.append(unit)

    def tend(self) -> list[str]:
        for number in range(min(self.each, len(self.units))):
            unit = self.units.popleft()
            self.run.attempts.write(unit, Attempt(task_id=f"task-{number}", worker="w1", started=0.0))
            shard = self.run.manifest().slice_of(unit)
            self.run.shards.write_record(self.one.model_copy(update={"shard": shard, "successes": 0, "fallbacks": 0}))
        return []

    def why_idle(self) -> str:
        return "not asked"

    def replace(self, name: str) -> None:
        raise AssertionError(name)


@pytest.mark.parametrize(("shards", "per_task"), [(60, 1), (240, 1), (240, 3)])
def test_the_store_is_not_listed_while_a_run_goes_on(
    tmp_path: Path, monkeypatch: Any, shards: int, per_task: int
) -> None:
    """Once at the start, whatever the number of shards and of looks; and a few small reads a task."""
    data = save_set(tmp_path / "many.npz", 240)
    run = planned(tmp_path, monkeypatch, shards=shards, data=data, shards_per_task=per_task)
    queue, counted = Queue(run, each=4), Counted(run, monkeypatch)
    looks: list[int] = []
    driven = Scheduler(run, queue, queue, lambda p: looks.append(p.shards), Limits(window=8, poll=0), FakeClock())
    driven.attack()
    assert driven.progress.shards == shards
    tasks = shards // per_task
    assert len(looks) > tasks // 8
    del counted.listed["one unit"]
    assert counted.listed == {"shards": 1, "quarantine": 1}
    assert counted.read < 8 * tasks + 8 * len(looks)


def test_a_look_that_takes_long_is_not_followed_by_the_next_at_once() -> None:
    clock = FakeClock()
    throttle = PollThrottle(clock)
    assert throttle.due()
    for seconds, wait in ((0.5, 5.0), (7.0, 10.0)):
        with throttle:
            clock.time += seconds
        clock.time += wait - 0.01
        assert not throttle.due()
        clock.time += 0.02
        assert throttle.due()

    def fail() -> None:
        with throttle:
            clock.time += 12
            raise OSError("away")

    with pytest.raises(OSError, match="away"):
        fail()
    assert throttle.due(), "a look that failed gave no information"
