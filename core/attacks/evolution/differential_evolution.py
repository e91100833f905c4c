"""Differential evolution (Storn and Price 1997), of one population of whole numbers.

It is a generator of candidates that is sent what they are worth, so that many evolutions can share the passes of a
model.

Whole numbers make the space finite. A population that closes in finds the same candidates again and again:
they are evaluated once. When all members are the same, no new candidate can arise, and it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.attacks.evolution.pixel_space import Candidates

Worth = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Of n candidates: the objective (n,), larger is better, and whether they reach the goal (n,)."""


def children(
    rng: np.random.Generator,
    members: Candidates,
    weight: float,
    crossover: float,
    confined: Callable[[NDArray[np.float64]], Candidates],
) -> Candidates:
    """A child of each member: pixels of a + weight (b - c), or each, with probability 1 - crossover, the member's.

    a, b, c and the member are four different ones: a random order of all, turned by one, two and three, so that
    each serves once as a, b and c. At least one pixel, drawn at random, is not the member's own.
    """
    order = rng.permutation(len(members))
    a, b, c = (members[np.roll(order, -turn)] for turn in (1, 2, 3))
    made = np.empty_like(members)
    made[order] = confined(a + weight * (b - c))
    own = rng.random(members.shape[:2]) >= crossover
    own[np.arange(len(members)), rng.integers(members.shape[1], size=len(members))] = False
    return np.where(own[..., None], members, made)


@dataclass
class Evolution:
    """One population. portion: how many candidates it asks for at a time, at most; it changes no result.

    best: the candidate that came nearest so far, one that reaches the goal before any that doesn't.
    With ``early_stop`` the first of those ends the evolution.
    """

    rng: np.random.Generator
    members: Candidates
    confined: Callable[[NDArray[np.float64]], Candidates]
    weight: float
    crossover: float
    generations: int
    early_stop: bool
    portion: int

    def __post_init__(self) -> None:
        self.generation = 0
        self.best = self.members[0]
        self.objective = np.full(len(self.members), -np.inf)
        self._standing = (False, -np.inf)
        self._known: dict[bytes, float] = {}

    @property
    def ended(self) -> bool:
        """Whether the goal is reached, the generations are used up, or all members are the same."""
        found = self.early_stop and self._standing[0]
        return found or self.generation == self.generations or bool((self.members == self.members[0]).all())

    def run(self) -> Generator[Candidates, Worth, None]:
        """Yield candidates to evaluate until the evolution has ended."""
        self.objective = yield from self._look(self.members)
        while not self.ended:
            self.generation += 1
            made = children(self.rng, self.members, self.weight, self.crossover, self.confined)
            objective = yield from self._look(made)
            better = objective >= self.objective
            self.members = np.where(better[:, None, None], made, self.members)
            self.objective = np.where(better, objective, self.objective)

    def _look(self, candidates: Candidates) -> Generator[Candidates, Worth, NDArray[np.float64]]:
        """The objective of each candidate; -inf of those not evaluated, because one before them ended the search."""
        keys = [candidate.tobytes() for candidate in candidates]
        new: dict[bytes, int] = {}
        for row, key in enumerate(keys):
            if key not in self._known:
                new.setdefault(key, row)
        names, rows = list(new), np.fromiter(new.values(), np.intp, len(new))
        for start in range(0, len(rows), self.portion):
            part = candidates[rows[start : start + self.portion]]
            objective, reached = yield part
            self._known.update(zip(names[start:], objective.tolist(), strict=False))
            if self.early_stop and reached.any():
                self._standing, self.best = (True, np.inf), part[reached.argmax()]
                break
            top = np.lexsort((objective, reached))[-1]
            standing = bool(reached[top]), float(objective[top])
            if standing > self._standing:
                self._standing, self.best = standing, part[top]
        return np.array([self._known.get(key, -np.inf) for key in keys])
