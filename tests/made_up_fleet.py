"""Workers that are none, for tests of the watch."""

from __future__ import annotations

from typing import Any

from core.errors import AdvshardError
from core.reduce.reduce_run import reduce_run
from core.run.records import Attempt
from core.run.run_store import RunStore
from core.shard.attack_shard import run_shard
from orchestrator.execution.scheduler import Part, Watch
from tests.runs import linear_classifier


class Fleet:
    """Does what it is sent at once, unless told otherwise."""

    def __init__(self, run: RunStore) -> None:
        self.run = run
        self.sent: list[Part] = []
        self.lose: list[Part] = []  # messages to lose, each once
        self.fail: dict[Part, list[str]] = {}  # errors to end with, in turn
        self.vanish: list[Part] = []  # parts whose worker dies silently, each once
        self.died: list[str] = []

    def send(self, part: Part) -> None:
        self.sent.append(part)
        if part in self.lose:
            self.lose.remove(part)
            return
        attempt = Attempt(task_id=f"task-{len(self.sent)}", worker="w1", started=float(len(self.sent)))
        self.run.write_attempt(part, attempt)
        if part in self.vanish:
            self.vanish.remove(part)
        elif self.fail.get(part):
            self.run.write_attempt(part, attempt.model_copy(update={"error": self.fail[part].pop(0)}))
        else:
            self.do(part, attempt)

    def do(self, part: Part, attempt: Attempt) -> None:
        try:
            if isinstance(part, str):
                reduce_run(self.run, linear_classifier)
            else:
                run_shard(self.run, part, linear_classifier, "w1")
        except AdvshardError as error:
            self.run.write_attempt(part, attempt.model_copy(update={"error": str(error)}))

    def tend(self) -> list[str]:
        died, self.died = self.died, []
        return died


def watching(fleet: Fleet, **change: Any) -> Watch:
    options = {"poll": 0.01, "lease": 0.2, "idle": 0.2, "slow": 9.0, "tend": fleet.tend, **change}
    return Watch(fleet.run, fleet.run.manifest(), fleet.send, **options)
