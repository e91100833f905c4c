"""Images under way in a gradient attack: who they are, how far they are, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Images


@dataclass(frozen=True)
class Slots:
    """n images under way.

    owner: (n,), their places among the examples. taken: (n,), the steps so far.
    images: arrays (n, H, W, C): the iterate, the memory of the attack, and what describes the ball.
    """

    owner: NDArray[np.int64]
    taken: NDArray[np.int64]
    images: tuple[Images, ...]

    def __len__(self) -> int:
        return len(self.owner)

    @property
    def x(self) -> Images:
        """The iterates."""
        return self.images[0]

    @property
    def memory(self) -> Images:
        """What the attack remembers; it writes to it."""
        return self.images[1]

    @property
    def region(self) -> tuple[Images, ...]:
        """What the norm keeps of each ball."""
        return self.images[2:]

    def take(self, rows: NDArray[np.intp]) -> Slots:
        """A copy of the images at ``rows``."""
        return Slots(self.owner[rows], self.taken[rows], tuple(each[rows] for each in self.images))

    def put(self, rows: NDArray[np.intp], other: Slots) -> None:
        """Write the images of ``other`` over those at ``rows``."""
        self.owner[rows], self.taken[rows] = other.owner, other.taken
        for mine, theirs in zip(self.images, other.images, strict=True):
            mine[rows] = theirs

    def refill(self, free: NDArray[np.intp], coming: Slots) -> Slots:
        """The images without those at ``free``, whose places ``coming`` (no more of them) takes."""
        self.put(free[: len(coming)], coming)
        if len(coming) == len(free):
            return self
        return self.take(np.delete(np.arange(len(self)), free[len(coming) :]))


def joined(parts: list[Slots]) -> Slots:
    """All of them, one behind the other."""
    return Slots(
        np.concatenate([each.owner for each in parts]),
        np.concatenate([each.taken for each in parts]),
        tuple(np.concatenate(column) for column in zip(*(each.images for each in parts), strict=True)),
    )
