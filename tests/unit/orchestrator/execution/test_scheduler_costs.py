"""What the watch loop asks of the store, and how often."""

from __future__ import annotations

from collections import Counter, deque
from pathlib import Path
from typing import Any

import pytest

from core.run.records import Attempt
from core.run.run_store import RunStore
from core.shard.attack_shard import run_shard
from orchestrator.execution import scheduler as watch_module
from orchestrator.execution.poll_throttle import Pace
from orchestrator.execution.scheduler import Part, Watch
from tests.runs import linear_classifier, planned, save_set

pytestmark = pytest.mark.timeout(30)


class Counted:
    """Counts what the store is asked: listings by the folder, and how many small files."""

    def __init__(self, run: RunStore, monkeypatch: Any) -> None:
        self.listed: Counter[str] = Counter()
        self.read = 0
        names, find, read_many = run.folder.names, run.folder.find, run.folder.read_many

        def counted_names(folder: str = "") -> list[str]:
            self.listed["one part" if "/" in folder else folder] += 1
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
        self.parts: deque[Part] = deque()
        self.one = run_shard(run, 0, linear_classifier, "w1")
        run.forget_shard(0)

    def tend(self) -> list[str]:
        for number in range(min(self.each, len(self.parts))):
            part = self.parts.popleft()
            assert not isinstance(part, str)
            self.run.write_attempt(part, Attempt(task_id=f"task-{number}", worker="w1", started=0.0))
            shard = self.run.manifest().shard(part)
            self.run.write_shard(self.one.model_copy(update={"shard": shard, "successes": 0, "fallbacks": 0}))
        return []


@pytest.mark.parametrize(("shards", "per_task"), [(60, 1), (240, 1), (240, 3)])
def test_the_store_is_not_listed_while_a_run_goes_on(
    tmp_path: Path, monkeypatch: Any, shards: int, per_task: int
) -> None:
    """Once at the start, whatever the number of shards and of looks; and a few small reads a task."""
    monkeypatch.setattr(watch_module, "WINDOW", 8)
    data = save_set(tmp_path / "many.npz", 240)
    run = planned(tmp_path, monkeypatch, shards=shards, data=data, shards_per_task=per_task)
    queue, counted = Queue(run, each=4), Counted(run, monkeypatch)
    looks: list[int] = []
    watch = Watch(run, run.manifest(), queue.parts.append, tend=queue.tend, show=lambda s: looks.append(s.done), poll=0)
    watch.shards()
    assert watch.state.done == shards
    tasks = shards // per_task
    assert len(looks) > tasks // 8
    del counted.listed["one part"]
    assert counted.listed == {"shards": 1, "quarantine": 1}
    assert counted.read < 8 * tasks + 8 * len(looks)


def test_a_look_that_takes_long_is_not_followed_by_the_next_at_once(monkeypatch: Any) -> None:
    now = [100.0]
    monkeypatch.setattr("orchestrator.execution.poll_throttle.time.monotonic", lambda: now[0])
    pace = Pace()
    assert pace.due()
    for seconds, wait in ((0.5, 5.0), (7.0, 10.0)):
        with pace:
            now[0] += seconds
        now[0] += wait - 0.01
        assert not pace.due()
        now[0] += 0.02
        assert pace.due()
    pace.__enter__()
    now[0] += 12
    pace.__exit__(OSError, OSError("away"), None)
    assert pace.due(), "a look that failed told nothing"
