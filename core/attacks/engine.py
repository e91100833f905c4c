"""The loop under every gradient attack.

One batch of slots. An image that was misclassified or has used up its steps leaves its slot to the
next image waiting, so that the batch stays full; when none is waiting, the batch gets smaller. The loop
owns the bounds, the epsilon ball, the early stop and the fresh gradient at each iterate; an attack only
says which way to step.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.attacks.base import Attack, Attacked, Examples
from core.attacks.step_back import step_back
from core.models.classifier import Classifier, Loss, predict
from core.pixels import Images
from core.rng import image_rng


class SignAttack(Attack):
    """x <- project(x + step_size * sign(d)), the direction d given by the subclass."""

    relative_to_range: ClassVar[tuple[str, ...]] = ("epsilon", "step_size")

    epsilon: float = Field(20 / 255, gt=0, description="largest change of a pixel (L-infinity)")
    steps: int = Field(10, ge=1, description="iterations at most")
    step_size: float | None = Field(
        None, gt=0, description="change of a pixel per step; 1.5 epsilon / steps if not given"
    )
    loss: Loss = Field("cross_entropy", description="what is increased, on the logits")
    early_stop: bool = Field(True, description="stop an image at its first misclassification")
    step_back: int = Field(
        6, ge=0, le=24, description="bisections back towards the clean image, while it stays misclassified"
    )
    random_start: bool = Field(False, description="start at a random point of the epsilon ball")

    @property
    def change_per_step(self) -> float:
        """The step size, given or derived."""
        return self.step_size or 1.5 * self.epsilon / self.steps

    def direction(self, gradient: Images, memory: Images) -> tuple[Images, Images]:
        """The direction (B, H, W, C) and the next memory, each row from that row alone.

        ``memory`` is zero at an image's first step.
        """
        raise NotImplementedError

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:
        """See Attack."""
        attacked, flipped = _iterate(self, classifier, examples)
        if not self.step_back:
            return attacked
        unseen = np.flatnonzero(~flipped)
        if len(unseen):
            flipped[unseen] = predict(classifier, attacked.images[unseen]) != examples.labels[unseen]
        rows = np.flatnonzero(flipped)
        attacked.images[rows] = step_back(classifier, examples.take(rows), attacked.images[rows], self.step_back)
        return attacked


def ball(clean: Images, epsilon: float, bounds: tuple[float, float]) -> tuple[Images, Images]:
    """The least and greatest float32 pixels within ``epsilon`` of ``clean`` and within the bounds.

    Rounding is towards the clean image: the distance, measured exactly, never exceeds epsilon.
    """
    exact = clean.astype(np.float64)
    lower, upper = (exact - epsilon).astype(np.float32), (exact + epsilon).astype(np.float32)
    lower = np.where(exact - lower > epsilon, np.nextafter(lower, np.float32(np.inf)), lower)
    upper = np.where(upper - exact > epsilon, np.nextafter(upper, np.float32(-np.inf)), upper)
    low, high = np.float32(bounds[0]), np.float32(bounds[1])
    return np.maximum(lower, low), np.minimum(upper, high)


def _iterate(attack: SignAttack, classifier: Classifier, examples: Examples) -> tuple[Attacked, NDArray[np.bool_]]:
    """What the steps made of the examples, and which of them were seen to be misclassified."""
    count = len(examples.images)
    result = examples.images.copy()
    steps, vanished, flipped = np.zeros(count, np.int64), np.zeros(count, bool), np.zeros(count, bool)
    step_size = np.float32(attack.change_per_step)

    owner = np.arange(min(count, classifier.batch_size))  # of each slot: its example
    waiting = len(owner)
    x, lower, upper = _begin(attack, examples, owner)
    memory, taken = np.zeros_like(x), np.zeros(len(owner), np.int64)

    while len(owner):
        labels = examples.labels[owner]
        logits, gradient = classifier.gradient(x, labels, attack.loss)
        done = logits.argmax(axis=1) != labels if attack.early_stop else np.zeros(len(owner), bool)
        flipped[owner[done]] = True
        moving = ~done
        usable = np.asarray(np.isfinite(gradient).all(axis=(1, 2, 3)))
        if not usable.all():
            gradient = np.where(usable[:, None, None, None], gradient, np.float32(0))
        first = moving & (taken == 0)
        vanished[owner[first]] = ~gradient[first].any(axis=(1, 2, 3))

        heading, memory = attack.direction(gradient, memory)
        moved = np.sign(heading)
        moved *= step_size
        moved += x
        np.minimum(np.maximum(moved, lower, out=moved), upper, out=moved)
        np.copyto(x, moved, where=moving[:, None, None, None])
        taken += moving
        done |= taken >= attack.steps
        result[owner[done]], steps[owner[done]] = x[done], taken[done]

        free = np.flatnonzero(done)
        coming = np.arange(waiting, min(count, waiting + len(free)))
        waiting += len(coming)
        slots, left = free[: len(coming)], free[len(coming) :]
        if len(coming):
            owner[slots], taken[slots], memory[slots] = coming, 0, 0
            x[slots], lower[slots], upper[slots] = _begin(attack, examples, coming)
        if len(left):  # nobody is waiting any more
            owner, taken = np.delete(owner, left), np.delete(taken, left)
            x, lower, upper, memory = (np.delete(each, left, axis=0) for each in (x, lower, upper, memory))
    return Attacked(result, steps, vanished), flipped


def _begin(attack: SignAttack, examples: Examples, rows: NDArray[np.intp]) -> tuple[Images, Images, Images]:
    """Where the examples start, and the lower and upper ends of their balls."""
    start = examples.images[rows]
    lower, upper = ball(start, attack.epsilon, examples.bounds)
    if attack.random_start and len(rows):
        noise = [
            image_rng(examples.seed, int(index)).uniform(-attack.epsilon, attack.epsilon, start.shape[1:])
            for index in examples.indices[rows]
        ]
        start = np.clip(start + np.array(noise, np.float32), lower, upper)
    return start, lower, upper
