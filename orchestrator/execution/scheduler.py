"""Drives a run to its report. The store is the truth; a message may be lost or arrive twice.

A work unit is sent, and sent again when its attempt failed or was given up, or when there is no progress and
no worker reports it. Near the end, a slow unit gets a speculative attempt on an idle worker: the first to
finish counts. Failed attempts are counted in the store: after ``max_attempts`` of them a shard is quarantined
with its error, and the run goes on. Shards that failed together are sent again one by one.

After one listing at the start the store is asked by name alone, for the units in flight, those about to be
sent and those in quarantine: the cost of a look does not depend on the number of shards.
"""

from __future__ import annotations

import itertools
import statistics
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Protocol

from core.errors import IncompleteError, IntegrityError, StoreError
from core.run.records import Attempt, ShardRecord
from core.run.report import Report
from core.run.run_store import RunStore
from core.run.work_unit import REDUCE, Reduce, ShardRange, WorkUnit, single
from core.storage.folder import is_final
from orchestrator.execution.clock import Clock, SteadyClock
from orchestrator.execution.decision import Action, Situation, decide_in_flight, decide_waiting
from orchestrator.execution.in_flight import InFlight, Observation
from orchestrator.execution.limits import Limits
from orchestrator.execution.outage import Outage
from orchestrator.execution.poll_throttle import PollThrottle
from orchestrator.execution.shard_states import ShardStates
from orchestrator.progress.progress import Progress

_NO_SPACE = ("No space left on device", "Disk quota exceeded")


class Dispatcher(Protocol):
    """Sends work units to workers."""

    def send(self, unit: WorkUnit) -> None:
        """Send a work unit; raises OSError where the broker does not accept it."""
        ...

    def why_idle(self) -> str:
        """Why no worker starts a task."""
        ...


class Workers(Protocol):
    """The worker processes that this process manages."""

    def tend(self) -> list[str]:
        """Restart dead processes, and return the names of those that died since the last call."""
        ...

    def replace(self, name: str) -> None:
        """Replace a worker that seems alive, but whose attempt was given up."""
        ...


class Scheduler:
    """Call ``attack``, then ``reduce``."""

    def __init__(
        self,
        run: RunStore,
        dispatcher: Dispatcher,
        workers: Workers,
        show: Callable[[Progress], None] = lambda _: None,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._run, self._dispatcher, self._workers, self._show = run, dispatcher, workers, show
        self._limits, self._clock = limits or Limits(), clock or SteadyClock()
        self._manifest = run.manifest()
        self._waiting: deque[WorkUnit] = deque()
        self._in_flight: dict[WorkUnit, InFlight] = {}
        self._dead_workers: set[str] = set()
        self._worker_died = False
        self._last_progress, self._idle = self._clock.now(), self._limits.idle
        self._seconds: deque[float] = deque(maxlen=255)  # that the latest work units took
        self._broker, self._store = Outage(self._clock), Outage(self._clock)
        self._throttle = PollThrottle(self._clock)
        self._states = ShardStates(run)
        self.counters = self._states.counters

    def attack(self) -> None:
        """Return when each shard is finished or quarantined.

        Raises:
            IncompleteError: the run was cancelled, or the broker does not answer.
            StoreError: the store is full or does not answer.
        """
        self._states.phase = "attack"
        self._states.read_quarantine()
        finished = (shards for shards in self._run.shards.finished() if not self._states.is_finished(shards))
        for found in self._run.shards.all_records(finished):
            self._take_in(*found, live=False)
        self._waiting.extend(self._open_units())
        self._loop(self._collect_shards)

    def reduce(self) -> Report:
        """Return the report. Shards that turn out to be damaged are attacked again first.

        Raises:
            IncompleteError: the reduce keeps failing, or as ``attack``.
            StoreError: as ``attack``.
        """
        while True:
            self._states.phase = "reduce"
            self._waiting.append(REDUCE)
            self._loop(self._collect_report)
            report = self._run.results.report()
            if report is not None:
                return report
            for index in self._lost_shards():
                self._states.lose(index)
            self.attack()

    @property
    def progress(self) -> Progress:
        """The progress of the run."""
        return self._states.progress()

    def _open_units(self) -> Iterator[ShardRange]:
        """Whole ranges of which nothing is there, and single shards of the others."""
        for shards, members in itertools.groupby(self._states.all_open(), key=self._manifest.range_of):
            alone = list(members)
            yield from [shards] if len(alone) == len(shards) else map(single, alone)

    def _lost_shards(self) -> list[int]:
        """Finished shards whose records the reduce removed, because they are damaged."""
        return self._states.completed.not_among(self._run.shards.finished_indices())

    # -- the loop -------------------------------------------------------------------------------

    def _loop(self, collect: Callable[[], None]) -> None:
        pause = self._limits.poll / 16  # short work, as most reduces are, is noticed soon
        while True:
            died = self._workers.tend()
            self._dead_workers.update(died)
            self._worker_died |= bool(died)
            try:
                self._fill_window()
                if self._throttle.due() or died:
                    with self._throttle:
                        collect()
                        if not self._waiting and not self._in_flight:
                            self._show(self.progress)
                            return
                        if self._run.cancelled():
                            raise IncompleteError("the run was cancelled; 'advshard resume' goes on with it")
                        self._check_in_flight()
                    self._store.end()
                self._show(self.progress)
            except OSError as error:
                self._wait_for_store(error)
            self._clock.sleep(pause)
            pause = min(self._longest_pause(), 1.2 * pause)

    def _longest_pause(self) -> float:
        """Shorter near the end of short shards, when everyone waits for the last one."""
        poll = self._limits.poll
        if self._waiting or not self._seconds or len(self._in_flight) > self._limits.few:
            return poll
        return min(poll, max(poll / 16, statistics.median(self._seconds) / 4))

    def _wait_for_store(self, error: OSError) -> None:
        if is_final(error) or self._store.lasted() > self._limits.patience:
            raise StoreError(
                f"a store that answers at {self._run.url}",
                f"{type(error).__name__}: {error.strerror or error}",
                "make room or repair it, then resume the run",
            ) from None
        self._states.note = "store away"
        self._show(self.progress)
        for unit in self._in_flight.values():
            unit.renew_leases(self._clock.now())

    # -- sending --------------------------------------------------------------------------------

    def _fill_window(self) -> None:
        if not self._waiting:
            self._broker.end()  # nothing has to be sent: an outage is over, or does not matter
            return
        while self._waiting and len(self._in_flight) < self._limits.window:
            units = list(islice(self._waiting, self._limits.window - len(self._in_flight)))
            # Finished by a message that was thought to be lost, or by one of another orchestrator.
            self._look_for(unit for unit in units if isinstance(unit, ShardRange))
            attempts = self._run.attempts.of_each(units)
            for unit in units:
                if not self._settle(unit, attempts[unit]):
                    return
                self._waiting.popleft()

    def _settle(self, unit: WorkUnit, attempts: list[Attempt]) -> bool:
        """Decide about a waiting unit; False while the broker does not accept it."""
        errors = [attempt.error for attempt in attempts if attempt.error]
        shards = () if isinstance(unit, Reduce) else unit
        unfinished = self._states.open(shards)
        match decide_waiting(unit, len(unfinished), len(errors), self._manifest.max_attempts):
            case Action.SPLIT:
                self._waiting.extend(map(single, unfinished))
            case Action.QUARANTINE:
                self._states.quarantine(unfinished[0], f"{len(errors)} attempts: {errors[-1]}")
            case Action.SEND:
                if not self._send(unit):
                    return False
                self._in_flight[unit] = InFlight(frozenset(attempt.task_id for attempt in attempts))
        return True

    def _send(self, unit: WorkUnit) -> bool:
        try:
            self._dispatcher.send(unit)
        except OSError as error:
            if self._broker.lasted() > self._limits.patience:
                raise IncompleteError(f"the broker did not answer for {self._limits.patience:.0f} s: {error}") from None
            self._states.note = "broker away"
            return False
        self._broker.end()
        self.counters.messages += unit != REDUCE
        return True

    # -- what has finished ------------------------------------------------------------------------

    def _collect_shards(self) -> None:
        """Units in flight may be finished; quarantined shards too, by an attempt that was late."""
        in_flight = (unit for unit in self._in_flight if isinstance(unit, ShardRange))
        self._look_for([*in_flight, *map(single, self._states.quarantined)])

    def _collect_report(self) -> None:
        if self._run.results.report() is not None:
            self._in_flight.pop(REDUCE, None)
            self._waiting.clear()

    def _look_for(self, units: Iterable[ShardRange]) -> None:
        asked = {shards for shards in units if not self._states.is_finished(shards)}
        # A task that was given up may still finish, while its shards are sent one by one.
        asked |= {self._manifest.range_of(shards.first) for shards in asked if shards.is_single}
        for found in self._run.shards.all_records(asked):
            self._take_in(*found)

    def _take_in(
        self, records: dict[ShardRange, ShardRecord], damaged: dict[ShardRange, IntegrityError], *, live: bool = True
    ) -> None:
        """Count records and forget damaged ones. live: they were finished while this process looked."""
        for shards in damaged:
            self._run.shards.forget(shards)
            in_flight = self._in_flight.pop(shards, None)
            for index in shards:
                self._states.lose(index)
            if in_flight:
                self._send_again(shards)
        if records:
            self._note_progress()
        for shards, record in records.items():
            self._states.finish(record)
            self._seconds.append(record.seconds)
            for each in (shards, *map(single, shards)):
                self._in_flight.pop(each, None)
        if records and live:
            self._states.note_rate(self._last_progress)

    def _note_progress(self) -> None:
        self._last_progress, self._idle, self._states.note = self._clock.now(), self._limits.idle, ""

    # -- what is in flight ------------------------------------------------------------------------

    def _check_in_flight(self) -> None:
        seen = self._observe()
        slow_after = self._slow_after()
        for unit_seen in seen.values():
            if unit_seen.started and (not unit_seen.alive or unit_seen.running <= slow_after):
                self._note_progress()
        unstarted = [unit for unit, unit_seen in seen.items() if not unit_seen.started]
        pending = any(not unit_seen.alive for unit_seen in seen.values())  # unstarted, or failed just now
        situation = Situation(
            stalled=self._has_stalled(unstarted), idle_workers=not (pending or self._waiting), slow_after=slow_after
        )
        for unit, unit_seen in seen.items():
            action = decide_in_flight(unit, unit_seen, situation, self._manifest.max_attempts)
            self._apply(action, unit, unit_seen)

    def _observe(self) -> dict[WorkUnit, Observation]:
        """Judge all units in flight. Attempts that have to be given up are marked in the store."""
        now, attempts = self._clock.now(), self._run.attempts.of_each(list(self._in_flight))
        seen: dict[WorkUnit, Observation] = {}
        for unit, in_flight in self._in_flight.items():
            limit = None if isinstance(unit, Reduce) else self._manifest.time_limit
            seen[unit] = in_flight.observe(attempts[unit], now, self._dead_workers, self._limits.lease, limit)
            for attempt, fault in seen[unit].faults:
                self._run.attempts.give_up(unit, attempt, fault)
                self._workers.replace(attempt.worker)
        return seen

    def _slow_after(self) -> float:
        if len(self._seconds) < 3:
            return float("inf")
        return max(self._limits.slow, self._limits.slow_factor * statistics.median(self._seconds))

    def _has_stalled(self, unstarted: list[WorkUnit]) -> bool:
        """Whether what no worker started counts as lost: the broker lost it, or holds it for a dead worker.

        Or the workers are busy elsewhere, or there are none. So each further wait is longer, to keep the queue
        from filling up with duplicates.
        """
        died, self._worker_died = self._worker_died, False
        if not unstarted:
            return False
        now = self._clock.now()
        if not died and now - self._last_progress <= self._idle:
            return False
        if not died:
            self._states.note = self._dispatcher.why_idle()
        self._last_progress, self._idle = now, 2 * self._idle
        return True

    def _apply(self, action: Action, unit: WorkUnit, seen: Observation) -> None:
        if not seen.started and action is Action.SEND:
            del self._in_flight[unit]
            self._waiting.append(unit)
        elif action is Action.SPECULATE:
            if self._send(unit):
                self._in_flight[unit].speculated = True
                self.counters.speculative_attempts += 1
        elif action is not Action.WAIT:
            self._apply_failure(action, unit, seen.errors)

    def _apply_failure(self, action: Action, unit: WorkUnit, errors: tuple[str, ...]) -> None:
        if any(text in errors[-1] for text in _NO_SPACE):
            raise StoreError(f"room in the store for {self._run.url}", errors[-1], "make room, then resume the run")
        del self._in_flight[unit]
        if isinstance(unit, Reduce) and self._lost_shards():
            return  # damaged shards have lost their records: they come first
        if action is Action.ABORT:
            raise IncompleteError(f"the reduce failed {len(errors)} times: {errors[-1]}")
        if action is Action.QUARANTINE and isinstance(unit, ShardRange):
            self._states.quarantine(unit.first, f"{len(errors)} attempts: {errors[-1]}")
        else:
            self._send_again(unit)

    def _send_again(self, unit: WorkUnit) -> None:
        self._waiting.extend([unit] if isinstance(unit, Reduce) else map(single, unit))
        self.counters.resent += 1
