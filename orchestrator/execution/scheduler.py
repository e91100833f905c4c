"""Sees a run through to its report. The store is the truth; a message may be lost or come twice.

A part (a shard, several small ones, or the reduce) is sent, and sent again when its execution failed or was
given up, or when nothing moves and nobody seems to have it. Near the end, a second copy of a slow shard is sent to
whoever is idle: the first to finish counts. Failed executions are counted in the store: after
``max_attempts`` of them a shard is quarantined with its error, and the run goes on. Shards that failed
together are sent again one by one, so that each answers for itself.

After one listing at the start it asks the store by name alone, for the parts under way, those about to
be sent and those in quarantine: what a look costs does not depend on how many shards the run has.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from core.errors import IncompleteError, IntegrityError, StoreError
from core.run.manifest import Manifest
from core.run.records import Attempt, ShardRecord
from core.run.report import Report
from core.run.run_store import REDUCE, RunStore
from core.run.shard_range import Shards, Span, indices_of
from core.storage.folder import is_final
from orchestrator.execution.completed import Tally
from orchestrator.execution.in_flight import LEASE, Flight
from orchestrator.execution.poll_throttle import Pace
from orchestrator.progress.progress import State

Part = Shards | str
Send = Callable[[Part], None]

POLL = 0.2  # seconds between two looks at the store
IDLE = 10.0  # seconds without any movement before what nobody has started counts as lost
SLOW = 15.0  # seconds that a shard may run before it can count as slow
WINDOW = 256  # messages under way at most, so that several runs share the workers
_FEW = 8  # parts under way near the end
_SLOWER = 4.0  # times the median of the others
_PATIENCE = 120.0  # seconds that the broker or the store may be away
_NO_SPACE = ("No space left on device", "Disk quota exceeded")


class _Outage:
    """Since when something doesn't answer."""

    def __init__(self) -> None:
        self._since: float | None = None

    def away(self) -> float:
        """It did not answer: the seconds since it did not for the first time."""
        self._since = self._since or time.monotonic()
        return time.monotonic() - self._since

    def back(self) -> None:
        """It answered."""
        self._since = None


class Watch:
    """The loop.

    tend: keeps the workers alive, and names those that died since the last call; replace: told of a
    worker whose execution was given up while it seemed to live.
    """

    def __init__(
        self,
        run: RunStore,
        manifest: Manifest,
        send: Send,
        *,
        tend: Callable[[], list[str]] = list,
        replace: Callable[[str], None] = lambda worker: None,
        show: Callable[[State], None] = lambda state: None,
        why_idle: Callable[[], str] = lambda: "no worker took anything",
        poll: float = POLL,
        lease: float = LEASE,
        idle: float = IDLE,
        slow: float = SLOW,
    ) -> None:
        self.run, self.manifest = run, manifest
        self._send_message, self._tend, self._replace = send, tend, replace
        self._show, self._why_idle = show, why_idle
        self._poll, self._lease, self._idle, self._slow = poll, lease, idle, slow
        self._waiting: deque[Part] = deque()
        self._flights: dict[Part, Flight] = {}
        self._seconds: deque[float] = deque(maxlen=255)  # what the latest shards took
        self._given_up: set[int] = set()
        self._damage: Counter[int] = Counter()
        self._lost_workers: set[str] = set()
        self._someone_died = False
        self._patience = idle
        self._moved = time.monotonic()
        self._broker, self._store = _Outage(), _Outage()
        self._pace = Pace()
        self.state = State(manifest.shards, manifest.data.count)
        self._done = Tally(manifest, self.state)

    def shards(self) -> None:
        """Return when each shard is done or quarantined."""
        self.state.phase = "attack"
        self._given_up = set(self.run.quarantined())
        self.state.quarantined = len(self._given_up)
        standing = (part for part in self.run.finished() if not self._all_done(part))
        for found in self.run.all_records(standing):
            self._note_records(*found, first=True)
        self._waiting.extend(self._wanted())
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
            self._take_back(self._done.beside(self.run.done()))
            self.shards()

    def _wanted(self) -> Iterator[Shards]:
        """What has to be sent: blocks of which nothing is there, and single shards."""
        missing = [index for index in self._done.missing() if index not in self._given_up]
        for block, members in itertools.groupby(missing, key=self.manifest.block):
            alone = list(members)
            yield from [block] if len(alone) == len(indices_of(block)) else alone

    def _all_done(self, part: Shards) -> bool:
        return all(index in self._done for index in indices_of(part))

    def _loop(self, note: Callable[[], None]) -> None:
        pause = self._poll / 16  # what is short, as most reduces are, is noticed soon
        while True:
            died = self._tend()
            self._lost_workers.update(died)
            self._someone_died |= bool(died)
            try:
                self._fill()
                if self._pace.due() or died:
                    with self._pace:
                        note()
                        if not self._waiting and not self._flights:
                            self._show(self.state)
                            return
                        if self.run.cancelled():
                            raise IncompleteError(
                                "the run was cancelled; 'python -m orchestrator resume' goes on with it"
                            )
                        self._check_flights()
                    self._store.back()
                self._show(self.state)
            except OSError as error:
                self._wait_for_store(error)
            time.sleep(pause)
            pause = min(self._longest_pause(), 1.2 * pause)

    def _longest_pause(self) -> float:
        """Shorter near the end of short shards, when everyone waits for the last one."""
        if self._waiting or not self._seconds or len(self._flights) > _FEW:
            return self._poll
        return min(self._poll, max(self._poll / 16, statistics.median(self._seconds) / 4))

    # -- sending --------------------------------------------------------------------------------

    def _fill(self) -> None:
        if not self._waiting:
            self._broker.back()  # nothing has to be sent: an outage is over, or does not matter
            return
        while self._waiting and len(self._flights) < WINDOW:
            parts = list(islice(self._waiting, WINDOW - len(self._flights)))
            # By a message that was thought to be lost, or one of another orchestrator.
            self._note(part for part in parts if not isinstance(part, str))
            attempts = self.run.attempts_of(parts)
            for part in parts:
                if not self._settled(part, attempts[part]):
                    return
                self._waiting.popleft()

    def _settled(self, part: Part, attempts: list[Attempt]) -> bool:
        """Whether it waits no longer: the broker took it, or it isn't to be sent."""
        failures = [attempt for attempt in attempts if attempt.error]
        left = [index for index in _indices_of(part) if index not in self._done and index not in self._given_up]
        if isinstance(part, Span) and (failures or len(left) < len(part)):
            self._waiting.extend(left)
        elif isinstance(part, int) and left and len(failures) >= self.manifest.max_attempts:
            self._quarantine(part, failures)
        elif left or part == REDUCE:
            if not self._sent(part):
                return False
            self._flights[part] = Flight(frozenset(attempt.task_id for attempt in attempts))
        return True

    def _sent(self, part: Part) -> bool:
        try:
            self._send_message(part)
        except OSError as error:
            if self._broker.away() > _PATIENCE:
                raise IncompleteError(f"the broker did not answer for {_PATIENCE:.0f} s: {error}") from None
            self.state.note = "broker away"
            return False
        self._broker.back()
        self.state.messages += 1
        return True

    def _again(self, part: Part) -> None:
        self._flights.pop(part, None)
        self._waiting.extend(part if isinstance(part, Span) else [part])
        self.state.retries += 1

    # -- what came ------------------------------------------------------------------------------

    def _note_done(self) -> None:
        """What is under way may be done; what was given up too, by an execution that was late."""
        self._note([*(part for part in self._flights if not isinstance(part, str)), *self._given_up])

    def _note(self, parts: Iterable[Shards]) -> None:
        asked = {part for part in parts if not self._all_done(part)}
        # A task that was given up may still come to its end, while its shards are sent one by one.
        asked |= {self.manifest.block(part) for part in asked if isinstance(part, int)}
        for found in self.run.all_records(asked):
            self._note_records(*found)

    def _note_records(
        self, records: dict[Shards, ShardRecord], damaged: dict[Shards, IntegrityError], first: bool = False
    ) -> None:
        for part in damaged:
            self.run.forget_shard(part)
            for index in indices_of(part):
                self._note_damage(index)
            if part in self._flights:
                self._again(part)
        for part, record in records.items():
            self._note_movement()
            self._done.add(record)
            self._seconds.append(record.seconds)
            for each in (part, *indices_of(part)):
                self._flights.pop(each, None)
            for index in self._given_up.intersection(indices_of(part)):
                self._given_up.remove(index)
                self.run.lift_quarantine(index)
                self.state.quarantined = len(self._given_up)
            if not first:
                self.state.recent.append((self._moved, self.state.images_done))

    def _take_back(self, indices: list[int]) -> None:
        """Shards whose records the reduce took away."""
        for index in indices:
            self._done.remove(index)
            self._note_damage(index)

    def _note_damage(self, index: int) -> None:
        """It is made again, like any that isn't there; but not for ever, where it comes to the same."""
        self.state.remade += 1
        self._damage[index] += 1
        if self._damage[index] >= self.manifest.max_attempts:
            self._give_up(index, f"{self._damage[index]} times: IntegrityError: what the store gave back was damaged")

    def _note_movement(self) -> None:
        self._moved, self._patience, self.state.note = time.monotonic(), self._idle, ""

    def _note_report(self) -> None:
        if self.run.report() is not None:
            self._flights.pop(REDUCE, None)
            self._waiting.clear()

    # -- what is under way ----------------------------------------------------------------------

    def _check_flights(self) -> None:
        now = time.monotonic()
        attempts = self.run.attempts_of(list(self._flights))
        unstarted: list[Part] = []
        slow: list[Part] = []
        for part, flight in list(self._flights.items()):
            new = flight.new(attempts[part])
            if not new:
                unstarted.append(part)
            elif not self._alive(part, flight, new, now):
                self._failed(part, self.run.attempts(part))
            elif flight.running(now) > self._slow_after():
                slow.append(part)
            else:
                self._note_movement()
        if not unstarted and not self._waiting:
            self._send_copies(slow)
        self._check_movement(unstarted, now)

    def _alive(self, part: Part, flight: Flight, new: list[Attempt], now: float) -> bool:
        """Whether any execution may still come to its end; those that won't are marked in the store."""
        limit = None if part == REDUCE else self.manifest.time_limit
        alive = False
        for attempt in new:
            if attempt.error is None:
                fault = flight.fault(attempt, now, self._lost_workers, self._lease, limit)
                if fault is None:
                    alive = True
                else:
                    self.run.give_up(part, attempt, fault)
                    self._replace(attempt.worker)
        return alive

    def _slow_after(self) -> float:
        if len(self._seconds) < 3:
            return float("inf")
        return max(self._slow, _SLOWER * statistics.median(self._seconds))

    def _send_copies(self, slow: list[Part]) -> None:
        for part in slow:
            if part != REDUCE and not self._flights[part].copied and self._sent(part):
                self._flights[part].copied = True
                self.state.copies += 1

    def _check_movement(self, unstarted: list[Part], now: float) -> None:
        """Send again what nobody seems to have, once nothing has moved for long or a worker has died.

        The broker lost it, or holds it for a dead worker. Or the workers are busy elsewhere, or there
        are none: so wait longer each time, and don't fill the queue with copies.
        """
        if not unstarted:
            self._someone_died = False
            return
        if not self._someone_died and now - self._moved <= self._patience:
            return
        if not self._someone_died:
            self.state.note = self._why_idle()
        self._someone_died = False
        self._moved, self._patience = now, 2 * self._patience
        for part in unstarted:
            del self._flights[part]
            self._waiting.append(part)

    def _failed(self, part: Part, attempts: list[Attempt]) -> None:
        self._note_movement()
        failures = [attempt for attempt in attempts if attempt.error]
        error = failures[-1].error or ""
        if any(text in error for text in _NO_SPACE):
            raise StoreError(f"room in the store for {self.run.url}", error, "make room, then resume the run")
        if part == REDUCE and self._done.beside(self.run.done()):
            self._flights.pop(part)  # damaged shards were taken back: they come first
        elif isinstance(part, Span) or len(failures) < self.manifest.max_attempts:
            self._again(part)
        elif isinstance(part, str):
            raise IncompleteError(f"the reduce failed {len(failures)} times: {error}")
        else:
            self._quarantine(part, failures)

    def _quarantine(self, index: int, failures: list[Attempt]) -> None:
        self._give_up(index, f"{len(failures)} attempts: {failures[-1].error}")

    def _give_up(self, index: int, error: str) -> None:
        self._flights.pop(index, None)
        self.run.quarantine(index, error)
        self._given_up.add(index)
        self.state.quarantined = len(self._given_up)

    def _wait_for_store(self, error: OSError) -> None:
        if is_final(error) or self._store.away() > _PATIENCE:
            raise StoreError(
                f"a store that answers at {self.run.url}",
                f"{type(error).__name__}: {error.strerror or error}",
                "make room or repair it, then resume the run",
            ) from None
        self.state.note = "store away"
        self._show(self.state)
        for flight in self._flights.values():
            flight.forgive(time.monotonic())


def _indices_of(part: Part) -> list[int]:
    return [] if isinstance(part, str) else indices_of(part)
