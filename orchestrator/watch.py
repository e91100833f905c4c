"""Sees a run through to its report. The store is the truth; a message may be lost or come twice.

A part (a shard, or the reduce) is sent, and sent again when its execution failed, its worker gave
no sign of life for a lease, or nothing moves and nobody seems to have it. Executions are counted in
the store: after ``max_attempts`` a shard is quarantined with its error, and the run goes on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from core.contracts import Attempt, Manifest, Report, ShardRecord
from core.errors import IncompleteError, IntegrityError, StoreError
from core.store import REDUCE, RunStore

Part = int | str
Send = Callable[[Part], None]

POLL = 0.2  # seconds between two looks at the store
LEASE = 30.0  # seconds without a sign of life (one comes every 5) before a worker counts as lost
IDLE = 10.0  # seconds without any movement before what nobody has started counts as lost
WINDOW = 256  # messages under way at most, so that several runs share the workers
_BROKER_PATIENCE = 120.0  # seconds that the broker may be away
_NO_SPACE = "No space left on device"


@dataclass
class State:
    """How far a run is: what the progress display shows."""

    total: int
    images: int
    done: int = 0
    images_done: int = 0
    successes: int = 0
    retries: int = 0
    quarantined: int = 0
    phase: str = "attack"
    note: str = ""
    recent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=64))

    @property
    def rate(self) -> float | None:
        """Images a second lately; None until two shards have come."""
        if len(self.recent) < 2:
            return None
        (began, before), (ended, after) = self.recent[0], self.recent[-1]
        return (after - before) / (ended - began) if ended > began and after > before else None


@dataclass
class _Flight:
    """A part that was sent: the executions known before, and the sign of life of the newest since."""

    known: frozenset[str]
    beat: tuple[str, int] | None = None
    beat_at: float = 0.0


class Watch:
    """The loop. ``tend`` keeps the workers alive and names those that died since the last call."""

    def __init__(
        self,
        run: RunStore,
        manifest: Manifest,
        send: Send,
        *,
        tend: Callable[[], list[str]] = list,
        show: Callable[[State], None] = lambda state: None,
        why_idle: Callable[[], str] = lambda: "no worker took anything",
        poll: float = POLL,
        lease: float = LEASE,
        idle: float = IDLE,
    ) -> None:
        self.run, self.manifest = run, manifest
        self._send_message, self._tend, self._show, self._why_idle = send, tend, show, why_idle
        self._poll, self._lease, self._idle = poll, lease, idle
        self._waiting: deque[Part] = deque()
        self._flights: dict[Part, _Flight] = {}
        self._done: dict[int, ShardRecord] = {}
        self._images_come = 0
        self._lost_workers: set[str] = set()
        self._patience = idle
        self._moved = time.monotonic()
        self._broker_lost: float | None = None
        self.state = State(manifest.shards, manifest.data.count)

    def shards(self) -> None:
        """Return when each shard is done or quarantined."""
        self.state.phase = "attack"
        quarantined = self.run.quarantined()
        self.state.quarantined = len(quarantined)
        self._note_done(first=True)
        self._waiting.extend(i for i in range(self.manifest.shards) if i not in self._done and i not in quarantined)
        self._loop(self._note_done)

    def reduce(self) -> Report:
        """Return the report; shards that turn out to be damaged are made again first."""
        while True:
            self.state.phase = "reduce"
            self._waiting.append(REDUCE)
            self._loop(self._note_report)
            report = self.run.report()
            if report is not None:
                return report
            for index in set(self._done) - self.run.done():
                del self._done[index]
            self.shards()

    def _loop(self, note: Callable[[], None]) -> None:
        while True:
            self._fill()
            note()
            self._show(self.state)
            if not self._waiting and not self._flights:
                return
            if self.run.cancelled():
                raise IncompleteError("the run was cancelled; 'python -m orchestrator resume' goes on with it")
            self._check_flights()
            time.sleep(self._poll)

    def _fill(self) -> None:
        tried = self.run.attempted() if self._waiting else set()
        while self._waiting and len(self._flights) < WINDOW:
            part = self._waiting[0]
            attempts = self.run.attempts(part) if part == REDUCE or part in tried else []
            if part != REDUCE and self._used_up(attempts):
                self._quarantine(int(part), attempts)
            elif self._sent(part):
                self._flights[part] = _Flight(frozenset(attempt.task_id for attempt in attempts))
            else:
                return
            self._waiting.popleft()

    def _sent(self, part: Part) -> bool:
        try:
            self._send_message(part)
        except OSError as error:
            now = time.monotonic()
            self._broker_lost = self._broker_lost or now
            if now - self._broker_lost > _BROKER_PATIENCE:
                raise IncompleteError(f"the broker did not answer for {_BROKER_PATIENCE:.0f} s: {error}") from None
            self.state.note = "broker away"
            return False
        if self._broker_lost is not None:
            self._broker_lost, self.state.note = None, ""
        return True

    def _note_done(self, first: bool = False) -> None:
        for index in sorted(self.run.done() - set(self._done)):
            try:
                record = self.run.record(index)
            except IntegrityError:
                self.run.forget_shard(index)  # it is made again, like any that isn't there
                if index in self._flights:
                    self._again(index)
                continue
            if record is None:
                continue
            self._done[index] = record
            self._flights.pop(index, None)
            self._note_movement()
            self._images_come += record.shard.count
            if not first:
                self.state.recent.append((self._moved, self._images_come))
        self.state.done = len(self._done)
        self.state.images_done = sum(record.shard.count for record in self._done.values())
        self.state.successes = sum(record.successes for record in self._done.values())

    def _note_movement(self) -> None:
        self._moved, self._patience, self.state.note = time.monotonic(), self._idle, ""

    def _note_report(self) -> None:
        if self.run.report() is not None:
            self._flights.pop(REDUCE, None)
            self._waiting.clear()

    def _check_flights(self) -> None:
        now = time.monotonic()
        self._lost_workers.update(died := self._tend())
        tried, unstarted = self.run.attempted(), []
        for part in list(self._flights):
            attempts = self.run.attempts(part) if part == REDUCE or part in tried else []
            new = [attempt for attempt in attempts if attempt.task_id not in self._flights[part].known]
            if not new:
                unstarted.append(part)
                continue
            error = self._error(self._flights[part], new, now)
            if error is None:
                self._note_movement()
            else:
                self._failed(part, attempts, error)
        if died or now - self._moved > self._patience:
            # Nobody seems to have these: the broker lost them, or holds them for a dead worker. Or the
            # workers are busy elsewhere, or there are none: then don't fill the queue with copies.
            if not died:
                self.state.note = self._why_idle()
            self._moved, self._patience = now, 2 * self._patience
            for part in unstarted:
                del self._flights[part]
                self._waiting.append(part)

    def _error(self, flight: _Flight, new: list[Attempt], now: float) -> str | None:
        """Why the executions since the part was sent have all ended, or None while one runs."""
        running = [attempt for attempt in new if attempt.error is None]
        if not running:
            return new[-1].error
        newest = running[-1]
        if newest.worker in self._lost_workers:
            return f"its worker {newest.worker} died"
        beat = (newest.task_id, newest.beat)
        if beat != flight.beat:
            flight.beat, flight.beat_at = beat, now
        if now - flight.beat_at > self._lease:
            return f"no sign of life from {newest.worker} for {self._lease:.0f} s"
        return None

    def _failed(self, part: Part, attempts: list[Attempt], error: str) -> None:
        self._note_movement()
        if _NO_SPACE in error:
            raise StoreError(f"room in the store for {self.run.url}", error, "make room, then resume the run")
        if part == REDUCE and set(self._done) - self.run.done():
            self._flights.pop(part)  # damaged shards were taken back: they come first
        elif len(attempts) < self.manifest.max_attempts:
            self._again(part)
        elif part == REDUCE:
            raise IncompleteError(f"the reduce failed {len(attempts)} times: {error}")
        else:
            self._quarantine(int(part), attempts, error)

    def _used_up(self, attempts: list[Attempt]) -> bool:
        """Whether nothing but failures is left of the attempts, by what an earlier watch saw."""
        return len(attempts) >= self.manifest.max_attempts and all(attempt.error for attempt in attempts)

    def _quarantine(self, index: int, attempts: list[Attempt], error: str = "") -> None:
        self._flights.pop(index, None)
        self.run.quarantine(index, f"{len(attempts)} attempts: {error or attempts[-1].error}")
        self.state.quarantined += 1

    def _again(self, part: Part) -> None:
        self._flights.pop(part, None)
        self._waiting.append(part)
        self.state.retries += 1
