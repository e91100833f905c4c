"""The active batch: the points that a step is taken from, those that replace them, and those to be verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.attacks.gradient.iterate import State
from core.attacks.gradient.norms import Region
from core.image.pixels import Images


@dataclass
class Points:
    """The points of n images under attack. The first axis of every array is the images.

    Attributes:
        rows: (n,), the images' rows among the examples.
        step: (n,), the number of steps so far.
        x, last: (n, H, W, C), the points, and those before them.
        state: what the attack remembers.
        region: what ``Norm.project`` needs.
    """

    rows: NDArray[np.int64]
    step: NDArray[np.int64]
    x: Images
    last: Images
    state: dict[str, NDArray[Any]]
    region: Region

    def __len__(self) -> int:
        return len(self.rows)

    def advance(self, x: Images, state: State, moving: NDArray[np.bool_]) -> None:
        """Move the points that are ``moving`` (n,) to ``x`` with this state; the others stay where they are."""
        x = x.copy()  # an attack may have returned an array that it remembers
        x[~moving] = self.x[~moving]
        self.last, self.x = self.x, x
        self.state |= {name: values.astype(self.state[name].dtype) for name, values in state.items()}
        self.step = self.step + moving

    def take(self, rows: NDArray[np.intp]) -> Points:
        """A copy of the points at ``rows``."""
        return self._with([each[rows] for each in self._columns()])

    def put(self, rows: NDArray[np.intp], other: Points) -> None:
        """Write the points of ``other`` over those at ``rows``."""
        for mine, theirs in zip(self._columns(), other._columns(), strict=True):
            mine[rows] = theirs

    def joined(self, *others: Points) -> Points:
        """A copy of these points, followed by those of the others."""
        return self._with([np.concatenate(each) for each in zip(*(p._columns() for p in (self, *others)), strict=True)])

    def _columns(self) -> list[NDArray[Any]]:
        return [self.rows, self.step, self.x, self.last, *self.state.values(), *self.region]

    def _with(self, columns: Sequence[NDArray[Any]]) -> Points:
        rows, step, x, last, *more = columns
        names = len(self.state)
        return Points(rows, step, x, last, dict(zip(self.state, more, strict=False)), tuple(more[names:]))


class ActiveBatch:
    """The points that the next step is taken from: at most ``size`` of ``count`` images.

    An image that is done leaves its place to the next one, so that the batch stays full; when none is waiting, the
    batch shrinks. Unverified points are set aside until there are enough of them for a batched forward pass; those
    that continue take precedence over images that have not begun.

    Args:
        begin: returns the points at which the images at given rows start.
    """

    def __init__(self, size: int, count: int, begin: Callable[[NDArray[np.int64]], Points]) -> None:
        self._size, self._count, self._begin, self._begun = size, count, begin, 0
        self._verified = self._unverified = begin(np.arange(0))
        self._free: NDArray[np.intp] = np.arange(0)
        self.points = self._next(size).joined()  # copies, as an array may be in several places at the start

    def __len__(self) -> int:
        return len(self.points)

    def release(self, done: NDArray[np.bool_], unverified: NDArray[np.bool_]) -> None:
        """Free the places of points (n,) that are done, and of those that are set aside to be verified."""
        if unverified.any():
            self._unverified = self._unverified.joined(self.points.take(np.flatnonzero(unverified)))
        self._free = np.flatnonzero(done | unverified)

    def due(self) -> Points | None:
        """The points to verify now, in whole batches if possible; None while enough others are active."""
        others = len(self.points) - len(self._free) + self._waiting
        if len(self._unverified) < max(1, min(len(self.points), others)):
            return None
        count = len(self._unverified) // self._size * self._size or len(self._unverified)
        due, self._unverified = _split(self._unverified, count)
        return due

    def resume(self, points: Points) -> None:
        """Return these verified points to the batch."""
        self._verified = self._verified.joined(points)

    def refill(self) -> None:
        """Give the free places to waiting points, and close those that are left."""
        if not len(self._free):
            return
        coming = self._next(len(self._free))
        self.points.put(self._free[: len(coming)], coming)
        if len(coming) < len(self._free):
            self.points = self.points.take(np.delete(np.arange(len(self.points)), self._free[len(coming) :]))

    @property
    def _waiting(self) -> int:
        return len(self._verified) + self._count - self._begun

    def _next(self, places: int) -> Points:
        """Up to this many points: verified ones first, then images that have not begun."""
        back, self._verified = _split(self._verified, places)
        rows = np.arange(self._begun, min(self._begun + places - len(back), self._count))
        self._begun += len(rows)
        begun = self._begin(rows)
        return back.joined(begun) if len(back) else begun


def _split(points: Points, count: int) -> tuple[Points, Points]:
    rows = np.arange(len(points))
    return points.take(rows[:count]), points.take(rows[count:])
