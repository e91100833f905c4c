"""Differential evolution (Storn and Price 1997) of one population of whole numbers.

It is a generator that yields candidates and receives their objectives, so that many evolutions can share the passes of
a model. Whole numbers make the space finite: a population that converges finds the same candidates again and again, and
evaluates each of them once. When all members are equal, no new candidate can arise, and the evolution ends.
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
    """A child of each member: for each pixel a + weight (b - c), or with probability 1 - crossover the member's own.

    a, b, c and the member are four different members: a random order of all, rotated by one, two and three, so that
    each member serves once as a, b and c. At least one pixel, drawn at random, is not the member's own.

    Args:
        rng: random numbers.
        members: (population, N, 2 + C).
        weight: the factor F of the difference.
        crossover: probability in 0..1.
        confined: moves numbers to the nearest candidates.
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
    """One population.

    With ``early_stop`` the first candidate that reaches the goal ends the evolution.

    Attributes:
        best: the best candidate so far; one that reaches the goal precedes any that does not.
        portion: how many candidates are yielded at a time, at most; it does not change the result.
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
