"""Decides what to do about a work unit, as a pure function of what is known about it, the run and the clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from core.run.work_unit import Reduce, ShardRange, WorkUnit
from orchestrator.execution.in_flight import Observation


class Action(Enum):
    """What the scheduler does next with a work unit."""

    WAIT = auto()
    """Leave it in flight."""
    SEND = auto()
    """Send its first message, or another one after a failure or a loss."""
    SPLIT = auto()
    """Send its shards one by one, so that a failure is charged to the shard that causes it."""
    SPECULATE = auto()
    """Send a speculative attempt beside the slow one; the first to finish counts."""
    QUARANTINE = auto()
    """Give the shard up with its last error, and go on with the others."""
    DROP = auto()
    """Nothing is left to do."""
    ABORT = auto()
    """End the run: the reduce keeps failing."""


@dataclass(frozen=True)
class Situation:
    """What is known about the run as a whole.

    Attributes:
        stalled: whether there was no progress for long, or a worker died, so that unstarted messages count as lost.
        idle_workers: whether no other work unit waits for a worker.
        slow_after: seconds after which a running work unit counts as slow.
    """

    stalled: bool
    idle_workers: bool
    slow_after: float


def decide_in_flight(unit: WorkUnit, seen: Observation, run: Situation, max_attempts: int) -> Action:
    """What to do about a work unit that was sent.

    Args:
        unit: the work unit.
        seen: its attempts.
        run: the run as a whole.
        max_attempts: failed attempts at one shard before it is quarantined.
    """
    if not seen.started:
        return Action.SEND if run.stalled else Action.WAIT
    if seen.alive:
        slow = seen.running > run.slow_after and not isinstance(unit, Reduce)
        return Action.SPECULATE if slow and run.idle_workers and not seen.speculated else Action.WAIT
    if isinstance(unit, ShardRange) and not unit.is_single:
        return Action.SPLIT
    if len(seen.errors) < max_attempts:
        return Action.SEND
    return Action.ABORT if isinstance(unit, Reduce) else Action.QUARANTINE


def decide_waiting(unit: WorkUnit, unfinished: int, failures: int, max_attempts: int) -> Action:
    """What to do about a work unit that is next to be sent.

    Args:
        unit: the work unit.
        unfinished: how many of its shards are neither finished nor quarantined; another orchestrator, or a
            message that was considered lost, may have finished them.
        failures: failed attempts at exactly this unit so far, including those of other orchestrators.
        max_attempts: failed attempts at one shard before it is quarantined.
    """
    if isinstance(unit, Reduce):
        return Action.SEND
    if not unfinished:
        return Action.DROP
    if not unit.is_single:
        return Action.SPLIT if failures or unfinished < len(unit) else Action.SEND
    return Action.QUARANTINE if failures >= max_attempts else Action.SEND
