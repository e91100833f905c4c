"""The loop under every gradient attack.

One batch of slots. An image that is done leaves its slot to the next one waiting, so that the batch stays
full; when none is waiting, the batch gets smaller. An image that its last step has probably flipped waits in
the wings until a forward pass has looked at it together with others. The loop owns the bounds, the epsilon
ball, the early stop and the fresh gradient at each iterate; an attack only says which way to step.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from core.attacks.base import Attack, Attacked, Examples
from core.attacks.boundary.step_back import step_back
from core.attacks.gradient.active_batch import Slots, joined
from core.attacks.gradient.flip_prediction import probably_flipped
from core.attacks.gradient.norms import NORMS, NormName
from core.image.pixels import Images
from core.models.inference.classifier import Classifier, Loss
from core.rng import image_rng

Schedule = Literal["constant", "linear", "cosine"]
EPSILON: dict[NormName, float] = {"linf": 20 / 255, "l2": 1.5}


class GradientAttack(Attack):
    """x <- project(x + step_size * unit(d)), the direction d given by the subclass.

    unit(d) is sign(d) in L-infinity and d / ||d||_2 in L2 (Madry et al. 2017, arXiv 1706.06083, section 2.1).
    """

    relative_to_range: ClassVar[tuple[str, ...]] = ("epsilon", "step_size")
    fallback: ClassVar[str | None] = "ifgsm"

    epsilon: float = Field(EPSILON["linf"], gt=0, description="largest change, in the norm; 20/255, in L2 1.5")
    norm: NormName = Field("linf", description="what epsilon bounds: linf, the largest change of a pixel, or l2")
    steps: int = Field(10, ge=1, description="iterations at most")
    step_size: float | None = Field(
        None, gt=0, description="length of the first step; if not given, all steps together are 1.5 epsilon long"
    )
    schedule: Schedule = Field("constant", description="how the steps get shorter: not at all, linear or cosine")
    loss: Loss = Field("cross_entropy", description="what is increased, on the logits")
    early_stop: bool = Field(True, description="stop an image as soon as its prediction is what is wanted")
    step_back: int = Field(
        6, ge=0, le=24, description="bisections back towards the clean image, while the prediction stays so"
    )
    random_start: bool = Field(False, description="start at a random point of the epsilon ball")
    restarts: int = Field(0, ge=0, description="further tries from random points, for images that withstand")

    @model_validator(mode="before")
    @classmethod
    def _epsilon_of_the_norm(cls, given: Any) -> Any:
        if isinstance(given, dict) and "epsilon" not in given and given.get("norm") == "l2":
            return {**given, "epsilon": EPSILON["l2"]}
        return given

    def step_lengths(self) -> NDArray[np.float32]:
        """The length (steps,) of each step."""
        passed = np.arange(self.steps) / self.steps
        share = {
            "constant": np.ones(self.steps),
            "linear": 1 - passed,
            "cosine": (1 + np.cos(math.pi * passed)) / 2,
        }[self.schedule]
        first = self.step_size or 1.5 * self.epsilon / share.sum()
        return (first * share).astype(np.float32)

    def direction(self, gradient: Images, memory: Images) -> tuple[Images, Images]:
        """The direction (B, H, W, C) and the next memory, each row from that row alone.

        ``memory`` is zero at an image's first step.
        """
        raise NotImplementedError

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:
        """See Attack."""
        loop = self._attempt(classifier, examples, 0)
        attacked, reached, margins = loop.result, loop.reached, loop.margins
        for attempt in range(1, 1 + self.restarts):
            rows = np.flatnonzero(~reached)
            if not len(rows):
                break
            again = self._attempt(classifier, examples.take(rows), attempt)
            better = rows[again.reached]
            attacked.images[better] = again.result.images[again.reached]
            attacked.steps[rows] += again.result.steps
            reached[better], margins[1, better] = True, again.margins[1, again.reached]
        if self.step_back:
            rows = np.flatnonzero(reached)
            attacked.images[rows] = step_back(
                classifier, examples.take(rows), attacked.images[rows], self.step_back, margins[:, rows]
            )
        return attacked

    def _attempt(self, classifier: Classifier, examples: Examples, attempt: int) -> _Loop:
        """One try with each example, the first without noise unless asked for."""
        loop = _Loop(self, classifier, examples, attempt)
        loop.run()
        if self.step_back or self.restarts:
            unseen = np.flatnonzero(~loop.reached)
            loop.see(classifier.logits(loop.result.images[unseen]), unseen)
        return loop


class _Loop:
    """One try with all examples.

    reached: (n,), which of them were seen to be predicted as is wanted.
    margins: (2, n), of the clean images and of those that were reached, NaN where they were not seen.
    """

    def __init__(self, attack: GradientAttack, classifier: Classifier, examples: Examples, attempt: int) -> None:
        count = len(examples.images)
        self.attack, self.classifier, self.examples, self.attempt = attack, classifier, examples, attempt
        self.scattered = attack.random_start or attempt > 0
        self.norm, self.lengths = NORMS[attack.norm], attack.step_lengths()
        self.result = Attacked(examples.images.copy(), np.zeros(count, np.int64), np.zeros(count, bool))
        self.reached, self.margins = np.zeros(count, bool), np.full((2, count), np.nan, np.float32)
        self.begun = 0
        self.wings = self.returning = self._begin(0)  # probably flipped; looked at, and not flipped

    def run(self) -> None:
        """Until every example is done."""
        slots = self._next(self.classifier.batch_size)
        while len(slots):
            free = np.flatnonzero(self._step(slots))
            while len(self.wings) >= max(1, min(len(slots), len(slots) - len(free) + self._waiting)):
                self._look()
            if len(free):
                slots = slots.refill(free, self._next(len(free)))

    def _step(self, slots: Slots) -> NDArray[np.bool_]:
        """One step of all slots; which of them are free now."""
        attack, examples, owner = self.attack, self.examples, slots.owner
        labels = examples.labels[owner]
        logits, gradient = self.classifier.gradient(slots.x, labels, attack.loss)
        if examples.targeted:
            gradient = -gradient
        done = self.see(logits, owner) if attack.early_stop else np.zeros(len(owner), bool)
        moving = ~done
        finite = np.isfinite(gradient)
        if not finite.all():
            usable = finite.all(axis=(1, 2, 3), keepdims=True)
            gradient = np.where(usable, gradient, np.float32(0))
        first = np.flatnonzero(moving & (slots.taken == 0))
        if len(first):
            self.result.vanished[owner[first]] = ~gradient[first].any(axis=(1, 2, 3))
            if not self.scattered:
                self.margins[0, owner[first]] = examples.margins(logits[first], owner[first])

        heading, memory = attack.direction(gradient, slots.memory)
        np.copyto(slots.memory, memory)
        moved = self.norm.unit(heading)
        moved *= self.lengths[np.minimum(slots.taken, attack.steps - 1), None, None, None]
        moved += slots.x
        moved = self.norm.project(moved, slots.region, attack.epsilon, examples.bounds)
        if attack.early_stop:
            gain = np.einsum("nhwc,nhwc->n", moved - slots.x, gradient)
        moved[done] = slots.x[done]
        np.copyto(slots.x, moved)
        np.add(slots.taken, moving, out=slots.taken)
        done |= slots.taken >= attack.steps
        self._deliver(slots, done)
        if not attack.early_stop:
            return done
        waits = ~done & probably_flipped(logits, labels, examples.targeted, attack.loss, gain)
        if waits.any():
            self.wings = joined([self.wings, slots.take(np.flatnonzero(waits))])
        return done | waits

    def _look(self) -> None:
        """A forward pass of who waits in the wings, in whole batches if there is one: they are done, or come back."""
        batch, rows = self.classifier.batch_size, np.arange(len(self.wings))
        whole = len(rows) // batch * batch or len(rows)
        seen, self.wings = self.wings.take(rows[:whole]), self.wings.take(rows[whole:])
        done = self.see(self.classifier.logits(seen.x), seen.owner)
        self._deliver(seen, done)
        self.returning = joined([self.returning, seen.take(np.flatnonzero(~done))])

    def see(self, logits: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the examples at ``rows``, at these logits, are predicted as is wanted."""
        done = self.examples.reached(logits.argmax(axis=1), rows)
        self.reached[rows[done]], self.margins[1, rows] = True, self.examples.margins(logits, rows)
        return done

    def _deliver(self, slots: Slots, done: NDArray[np.bool_]) -> None:
        owner = slots.owner[done]
        self.result.images[owner], self.result.steps[owner] = slots.x[done], slots.taken[done]

    @property
    def _waiting(self) -> int:
        return len(self.returning) + len(self.examples.images) - self.begun

    def _next(self, places: int) -> Slots:
        """Up to this many: those who come back first."""
        rows = np.arange(len(self.returning))
        back, self.returning = self.returning.take(rows[:places]), self.returning.take(rows[places:])
        return joined([back, self._begin(places - len(back))])

    def _begin(self, places: int) -> Slots:
        """Up to this many examples that have not begun, where they start."""
        rows = np.arange(self.begun, min(self.begun + places, len(self.examples.images)))
        self.begun += len(rows)
        clean = self.examples.images[rows]
        region = self.norm.region(clean, self.attack.epsilon, self.examples.bounds)
        start = self._scattered(clean, rows, region) if self.scattered else clean
        return Slots(rows, np.zeros(len(rows), np.int64), (start, np.zeros_like(clean), *region))

    def _scattered(self, clean: Images, rows: NDArray[np.int64], region: tuple[Images, ...]) -> Images:
        epsilon, bounds = self.attack.epsilon, self.examples.bounds
        start = clean.copy()
        for place, index in enumerate(self.examples.indices[rows]):
            rng = image_rng(self.examples.seed, int(index), self.attempt)
            start[place] += self.norm.draw(rng, clean.shape[1:], epsilon).astype(np.float32)
        return self.norm.project(start, region, epsilon, bounds)
