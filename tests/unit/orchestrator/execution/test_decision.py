"""The scheduler's decisions as a table. Nothing waits: the clock is a number in each row."""

from __future__ import annotations

from typing import Any

import pytest

from core.run.work_unit import REDUCE, ShardRange, WorkUnit, single
from orchestrator.execution.decision import Action, Situation, decide_in_flight, decide_waiting
from orchestrator.execution.in_flight import Observation

ONE, THREE = single(4), ShardRange(3, 5)
QUEUED = {"started": False, "alive": False, "running": 0.0}
RUNNING = {"started": True, "alive": True, "running": 60.0}
FAILED = {"started": True, "alive": False, "running": 60.0}
CALM, IDLE, STALLED = {}, {"idle_workers": True}, {"stalled": True}  # type: ignore[var-annotated]

TABLE: list[tuple[WorkUnit, dict[str, Any], int, dict[str, Any], Action]] = [
    # unit, what is seen of it, failures so far, the run, action
    (ONE, QUEUED, 0, CALM, Action.WAIT),
    (ONE, QUEUED, 0, IDLE, Action.WAIT),
    (ONE, QUEUED, 0, STALLED, Action.SEND),
    (THREE, QUEUED, 0, STALLED, Action.SEND),
    (REDUCE, QUEUED, 0, STALLED, Action.SEND),
    (ONE, QUEUED, 9, STALLED, Action.SEND),  # the failures are judged when it is its turn to be sent
    (ONE, RUNNING, 0, CALM, Action.WAIT),
    (ONE, RUNNING, 0, STALLED, Action.WAIT),
    (ONE, RUNNING, 0, IDLE, Action.SPECULATE),
    (THREE, RUNNING, 0, IDLE, Action.SPECULATE),
    (REDUCE, RUNNING, 0, IDLE, Action.WAIT),
    (ONE, {**RUNNING, "speculated": True}, 0, IDLE, Action.WAIT),
    (ONE, {**RUNNING, "running": 50.0}, 0, IDLE, Action.WAIT),
    (ONE, {**RUNNING, "running": 50.1}, 0, IDLE, Action.SPECULATE),
    (ONE, RUNNING, 2, CALM, Action.WAIT),
    (ONE, FAILED, 1, CALM, Action.SEND),
    (ONE, FAILED, 2, STALLED, Action.SEND),
    (ONE, FAILED, 3, CALM, Action.QUARANTINE),
    (ONE, FAILED, 4, IDLE, Action.QUARANTINE),
    (THREE, FAILED, 1, CALM, Action.SPLIT),
    (THREE, FAILED, 3, CALM, Action.SPLIT),
    (REDUCE, FAILED, 2, CALM, Action.SEND),
    (REDUCE, FAILED, 3, CALM, Action.ABORT),
]


@pytest.mark.parametrize(("unit", "seen", "failures", "run", "action"), TABLE)
def test_in_flight(unit: WorkUnit, seen: dict[str, Any], failures: int, run: dict[str, Any], action: Action) -> None:
    observation = Observation(**seen, errors=("ValueError: bad",) * failures)
    situation = Situation(**{"stalled": False, "idle_workers": False, "slow_after": 50.0, **run})
    assert decide_in_flight(unit, observation, situation, max_attempts=3) is action


@pytest.mark.parametrize(
    ("unit", "unfinished", "failures", "action"),
    [
        (ONE, 1, 0, Action.SEND),
        (ONE, 1, 2, Action.SEND),
        (ONE, 1, 3, Action.QUARANTINE),
        (ONE, 0, 0, Action.DROP),
        (ONE, 0, 3, Action.DROP),
        (THREE, 3, 0, Action.SEND),
        (THREE, 3, 1, Action.SPLIT),
        (THREE, 2, 0, Action.SPLIT),
        (THREE, 0, 1, Action.DROP),
        (REDUCE, 0, 0, Action.SEND),
        (REDUCE, 0, 2, Action.SEND),
    ],
)
def test_waiting(unit: WorkUnit, unfinished: int, failures: int, action: Action) -> None:
    assert decide_waiting(unit, unfinished, failures, max_attempts=3) is action
