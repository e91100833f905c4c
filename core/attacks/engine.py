"""The loop under every gradient attack.

One fixed batch of slots. An image that was misclassified or has used up its steps leaves its slot
to the next image waiting, so that the batch stays full until the end. The loop owns the bounds,
the epsilon ball, the early stop and the fresh gradient at each iterate; an attack only says which
way to step.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from core.attacks.base import Attack, Attacked, Examples
from core.attacks.step_back import step_back
from core.models.classifier import Classifier, Loss
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
        attacked = _iterate(self, classifier, examples)
        if not self.step_back:
            return attacked
        images = step_back(classifier, examples, attacked.images, self.step_back)
        return Attacked(images, attacked.steps, attacked.vanished)


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


def _iterate(attack: SignAttack, classifier: Classifier, examples: Examples) -> Attacked:
    count, slots = len(examples.images), classifier.batch_size
    result = examples.images.copy()
    steps, vanished = np.zeros(count, np.int64), np.zeros(count, bool)
    step_size = np.float32(attack.change_per_step)

    shape = (slots, *examples.images.shape[1:])
    x, lower, upper, memory = (np.zeros(shape, np.float32) for _ in range(4))
    labels = np.zeros(slots, np.int64)
    taken = np.zeros(slots, np.int64)
    owner = np.full(slots, -1)
    waiting = 0

    while True:
        for slot in np.flatnonzero(owner < 0)[: count - waiting]:
            row = waiting
            waiting += 1
            clean = examples.images[row]
            owner[slot], labels[slot], taken[slot], memory[slot] = row, examples.labels[row], 0, 0
            lower[slot], upper[slot] = ball(clean, attack.epsilon, examples.bounds)
            x[slot] = _start(attack, examples, row, lower[slot], upper[slot])
        live = owner >= 0
        if not live.any():
            return Attacked(result, steps, vanished)

        logits, gradient = classifier.gradient(x, labels, attack.loss)
        done = live & (logits.argmax(axis=1) != labels) if attack.early_stop else np.zeros(slots, bool)
        moving = live & ~done
        usable = np.asarray(np.isfinite(gradient).all(axis=(1, 2, 3)))
        gradient = np.where(usable[:, None, None, None], gradient, np.float32(0))
        first = moving & (taken == 0)
        vanished[owner[first]] = ~gradient[first].any(axis=(1, 2, 3))

        heading, memory = attack.direction(gradient, memory)
        moved = np.clip(x + step_size * np.sign(heading), lower, upper)
        x = np.where(moving[:, None, None, None], moved, x)
        taken += moving
        done |= moving & (taken >= attack.steps)
        result[owner[done]], steps[owner[done]] = x[done], taken[done]
        owner[done] = -1


def _start(attack: SignAttack, examples: Examples, row: int, lower: Images, upper: Images) -> Images:
    clean: Images = examples.images[row]
    if not attack.random_start:
        return clean
    noise = image_rng(examples.seed, int(examples.indices[row])).uniform(-attack.epsilon, attack.epsilon, clean.shape)
    return np.asarray(np.clip(clean + noise.astype(np.float32), lower, upper))
