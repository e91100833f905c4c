"""The base of the attacks that look for each image's smallest change by gradient steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.attacks.base import Attack, Attacked, Examples, Passes
from core.attacks.gradient.objective import Objective, Rows
from core.attacks.minimal.lengths import LengthName, Lengths, length
from core.attacks.minimal.pixel_grid import PixelGrid
from core.image.pixels import Bounds, Images
from core.models.inference.classifier import Classifier, Loss, predict

State = Mapping[str, NDArray[Any]]
"""What an attack remembers, by name: arrays whose first axis is the images."""


@dataclass(frozen=True)
class Seen:
    """The changes of n images at one step, and all that is known of them. The first axis of arrays is the images.

    Attributes:
        step: number of the step, from 0.
        change: (n, H, W, C), what the attack returned last, within the bounds, but not yet on the pixel levels.
        gradient: (n, H, W, C), of the loss that increases towards the goal; zero where it is not finite.
        reached: (n,), whether the goal is reached.
        state: what the attack returned with the change.
        clean: (n, H, W, C), the clean images.
        bounds: lowest and highest pixel value.
    """

    step: int
    change: Images
    gradient: Images
    reached: NDArray[np.bool_]
    state: State
    clean: Images
    bounds: Bounds


class MinimalNormAttack(Attack):
    """Steps through the classifier's space, and keeps each image's smallest change that reaches the goal.

    A subclass says in ``measured_in`` what small means, in ``loss`` what the steps increase, and in ``next_change``
    where to go next. Every step is evaluated within the bounds and, with ``round_to_levels``, on the levels of the
    clean images, so that what is kept survives being saved. An image that reaches the goal unchanged is left alone.
    One that never reaches it is returned where its last step led.
    """

    loss: ClassVar[Loss]
    """What the steps increase."""

    measured_in: ClassVar[LengthName]
    """The norm that is to be small."""

    steps: int = Field(100, ge=1, description="gradients, each with a forward and a backward pass")
    round_to_levels: bool = Field(
        default=True, description="evaluate and keep only changes in whole levels, where the images have levels"
    )

    def init_state(self, clean: Images) -> State:
        """The state before the first step: arrays by name, for clean images (n, H, W, C)."""
        raise NotImplementedError

    def next_change(self, seen: Seen) -> tuple[Images, State]:
        """The next change (n, H, W, C), as an own array, and the new state."""
        raise NotImplementedError

    def passes_at_most(self, classes: int) -> Passes:  # noqa: ARG002 - Attack's signature
        """See Attack: the clean image and the last point are evaluated as well."""
        return Passes(self.steps + 2, self.steps)

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:
        """See Attack."""
        attacked = Attacked.start(examples.images)
        objective = Objective(classifier, examples, self.loss, attacked)
        moves = np.flatnonzero(~examples.reached(predict(classifier, examples.images)))
        attacked.forward_passes[:] += 1
        grid = PixelGrid(examples, rounds=self.round_to_levels)
        for start in range(0, len(moves), classifier.batch_size):
            self._search(objective, moves[start : start + classifier.batch_size], grid)
        return attacked

    def _search(self, objective: Objective, rows: Rows, grid: PixelGrid) -> None:
        """All steps of at most a batch of examples."""
        examples, attacked = objective.examples, objective.attacked
        clean = examples.images[rows]
        change, state = np.zeros_like(clean), self.init_state(clean)
        x, best = clean, np.full(len(rows), np.inf)
        for step in range(self.steps):
            logits, gradient = objective.differentiate(x, rows)
            gradient = np.where(np.isfinite(gradient).all(axis=(1, 2, 3), keepdims=True), gradient, np.float32(0))
            if step == 0:
                attacked.vanished[rows] = ~gradient.any(axis=(1, 2, 3))
            reached = examples.reached(logits.argmax(axis=1), rows)
            size = np.where(reached, length(x - clean, self.measured_in), np.inf)
            best = self._keep(attacked, rows, x, step, size, best)
            seen = Seen(step, change, gradient, reached, state, clean, examples.bounds)
            change, state = self.next_change(seen)
            change = np.clip(clean + change, *np.asarray(examples.bounds, np.float32)) - clean
            x = grid(clean + change)
        reached = examples.reached(objective.logits(x, rows).argmax(axis=1), rows)
        size = np.where(reached, length(x - clean, self.measured_in), np.inf)
        best = self._keep(attacked, rows, x, self.steps, size, best)
        never = np.isinf(best)
        attacked.images[rows[never]], attacked.steps[rows[never]] = x[never], self.steps

    @staticmethod
    def _keep(attacked: Attacked, rows: Rows, x: Images, step: int, size: Lengths, best: Lengths) -> Lengths:
        """Note the points that are better than the best so far; the smallest sizes (n,)."""
        better = size < best
        attacked.images[rows[better]], attacked.steps[rows[better]] = x[better], step
        return np.minimum(size, best)


def annealed(first: float, last: float, step: int, steps: int) -> float:
    """From ``first`` at step 0 along half a cosine to ``last`` at the last step, steps - 1.

    Example:
        >>> [round(annealed(1.0, 0.0, step, 5), 3) for step in range(5)]
        [1.0, 0.854, 0.5, 0.146, 0.0]
    """
    return last + (first - last) * (1 + math.cos(math.pi * step / max(steps - 1, 1))) / 2
