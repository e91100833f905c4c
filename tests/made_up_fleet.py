"""A made-up fleet and clock, for tests of the scheduler: nothing waits, and each message is done at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.errors import AdvshardError
from core.reduce.reduce_run import reduce_run
from core.run.records import Attempt
from core.run.run_store import RunStore
from core.run.work_unit import Reduce, WorkUnit
from core.shard.attack_shard import run_shard
from orchestrator.execution.limits import Limits
from orchestrator.execution.scheduler import Scheduler
from orchestrator.progress.progress import Progress
from tests.runs import linear_classifier

Key = int | tuple[int, int] | str
"""A work unit in short: 3, (3, 5) or "reduce"."""


def key(unit: WorkUnit) -> Key:
    if isinstance(unit, Reduce):
        return unit.name
    return unit.first if unit.is_single else (unit.first, unit.last)


class FakeClock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Fleet:
    """Dispatcher and workers in one. Does what it is sent at once, unless told otherwise.

    Attributes:
        sent: every message.
        lose: messages to lose, each once.
        fail: errors to end with, in turn.
        vanish: units whose worker dies silently, each once.
        died: workers to report as dead at the next turn.
        replaced: workers that the scheduler gave up.
        shown: every snapshot of the progress.
        before_send, after_send, each_turn: what else happens.
    """

    def __init__(self, run: RunStore) -> None:
        self.run, self.clock = run, FakeClock()
        self.sent: list[Key] = []
        self.lose: list[Key] = []
        self.fail: dict[Key, list[str]] = {}
        self.vanish: list[Key] = []
        self.died: list[str] = []
        self.replaced: list[str] = []
        self.shown: list[Progress] = []
        self.before_send: Callable[[Key], None] = lambda unit: None
        self.after_send: Callable[[Key], None] = lambda unit: None
        self.each_turn: Callable[[], None] = lambda: None

    def send(self, unit: WorkUnit) -> None:
        short = key(unit)
        self.before_send(short)
        self.sent.append(short)
        if short in self.lose:
            self.lose.remove(short)
        else:
            self._do(unit, short)
        self.after_send(short)

    def _do(self, unit: WorkUnit, short: Key) -> None:
        attempt = Attempt(task_id=f"task-{len(self.sent)}", worker="w1", started=float(len(self.sent)))
        self.run.attempts.write(unit, attempt)
        if short in self.vanish:
            self.vanish.remove(short)
            return
        error = self.fail[short].pop(0) if self.fail.get(short) else None
        if error is None:
            try:
                if isinstance(unit, Reduce):
                    reduce_run(self.run, linear_classifier)
                else:
                    run_shard(self.run, unit, linear_classifier, "w1")
            except AdvshardError as failure:
                error = str(failure)
        if error is not None:
            self.run.attempts.write(unit, attempt.model_copy(update={"error": error}))

    def why_idle(self) -> str:
        return "no worker took anything"

    def tend(self) -> list[str]:
        self.each_turn()
        died, self.died = self.died, []
        return died

    def replace(self, name: str) -> None:
        self.replaced.append(name)


def scheduler(fleet: Fleet, **limits: Any) -> Scheduler:
    return Scheduler(fleet.run, fleet, fleet, fleet.shown.append, Limits(**{"poll": 1.0, **limits}), fleet.clock)
