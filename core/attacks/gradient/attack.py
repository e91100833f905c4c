"""The base of gradient attacks: their hyper-parameters, and the hooks that a subclass overrides."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from core.attacks.base import Attack, Attacked, Examples, Passes
from core.attacks.boundary.step_back import passes_back, step_back
from core.attacks.gradient.iterate import Iterate, State
from core.attacks.gradient.loop import Loop
from core.attacks.gradient.norms import NORMS, NormName
from core.attacks.gradient.objective import Objective
from core.image.pixels import Images
from core.models.inference.classifier import Classifier, Loss

Schedule = Literal["constant", "linear", "cosine"]
_DLR_CLASSES = 3
EPSILON: dict[NormName, float] = {"linf": 20 / 255, "l2": 1.5}


class GradientAttack(Attack):
    """x <- project(x + step_size * unit(d)), with d the gradient at x unless a subclass overrides ``direction``.

    unit(d) is sign(d) in L-infinity and d / ||d||_2 in L2 (Madry et al. 2017, arXiv 1706.06083, section 2.1).

    The hooks, the simplest first: ``direction`` says where to step; ``init_state`` names what the attack remembers of
    each image; ``gradient`` may take the gradient at other points than x; ``update`` returns the next point itself, for
    other step sizes and momentum; ``best`` returns an earlier point than the last. They receive an ``Iterate`` of a
    whole batch, and treat each image by itself.
    """

    relative_to_range: ClassVar[tuple[str, ...]] = ("epsilon", "step_size")
    fallback: ClassVar[str | None] = "ifgsm"

    gradients_in_bfloat16: ClassVar[bool] = True

    keeps_best: ClassVar[bool] = False
    """Whether ``best`` is asked, at the last point, which of the points to deliver: one more forward pass."""

    epsilon: float = Field(EPSILON["linf"], gt=0, description="largest change, in the norm; 20/255, in L2 1.5")
    norm: NormName = Field("linf", description="what epsilon bounds: linf, the largest change of a pixel, or l2")
    steps: int = Field(10, ge=1, description="iterations at most")
    step_size: float | None = Field(
        None, gt=0, description="length of the first step; if not given, all steps together are 1.5 epsilon long"
    )
    schedule: Schedule = Field("constant", description="how the steps get shorter: not at all, linear or cosine")
    loss: Loss = Field("cross_entropy", description="what is increased, on the logits")
    early_stop: bool = Field(default=True, description="stop an image as soon as its goal is reached")
    step_back: int = Field(
        6, ge=0, le=24, description="bisections back towards the clean image, while the goal stays reached"
    )
    random_start: bool = Field(default=False, description="start at a random point of the epsilon ball")
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

    def init_state(self, clean: Images) -> State:  # noqa: ARG002 - for subclasses
        """The state before the first step: arrays by name, for the clean images (n, H, W, C)."""
        return {}

    def gradient(self, at: Iterate) -> Images:
        """The gradient (n, H, W, C) to follow; ``at.differentiate`` computes it at any points."""
        return at.differentiate(at.x)

    def direction(self, at: Iterate) -> tuple[Images, State]:
        """The direction (n, H, W, C) of the next step, and the new state; names left out keep their value."""
        return at.gradient, {}

    def update(self, at: Iterate) -> tuple[Images, State]:
        """The next points (n, H, W, C), before their projection onto the ball, and the new state."""
        direction, state = self.direction(at)
        return at.ascend(direction), state

    def best(self, at: Iterate) -> Images:
        """The iterates (n, H, W, C) to return after the last step; called if ``keeps_best``."""
        return at.x

    @property
    def attempts(self) -> int:
        """How often an image that withstands is attacked: ``restarts`` after the first."""
        return 1 + self.restarts

    def objective(self, classifier: Classifier, examples: Examples, attempt: int) -> Objective:  # noqa: ARG002 - for subclasses
        """What attempt number ``attempt``, from 0 on, increases. A pass that it takes is counted in its result."""
        return Objective(classifier, examples, self.loss, Attacked.start(examples.images))

    def fitted(self, classes: int) -> Self:
        """See Attack: ``dlr`` needs three classes, and the margin takes its place for two."""
        return self.model_copy(update={"loss": "margin"}) if self.loss == "dlr" and classes < _DLR_CLASSES else self

    def passes_at_most(self, classes: int) -> Passes:  # noqa: ARG002 - Attack's signature
        """See Attack. A subclass whose steps take more than one gradient each overrides it."""
        tries, evaluated = self.attempts, self.keeps_best + bool(self.step_back or self.attempts > 1)
        each_step = 1 + self.early_stop  # a predicted flip is verified
        return Passes(tries * (self.steps * each_step + evaluated) + passes_back(self.step_back), tries * self.steps)

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:
        """See Attack."""
        fitted = self.fitted(classifier.classes)
        if fitted != self:
            return fitted.run(classifier, examples)
        first = self._attempt(classifier, examples, 0)
        attacked, reached, margins = first.attacked, first.reached, first.margins
        for attempt in range(1, self.attempts):
            rows = np.flatnonzero(~reached)
            if not len(rows):
                break
            again = self._attempt(classifier, examples.take(rows), attempt)
            better = rows[again.reached]
            attacked.images[better] = again.attacked.images[again.reached]
            attacked.steps[rows] += again.attacked.steps
            attacked.add_passes(again.attacked, rows)
            reached[better], margins[1, better] = True, again.margins[1, again.reached]
        if self.step_back:
            rows = np.flatnonzero(reached)
            stepped = step_back(
                classifier, examples.take(rows), attacked.images[rows], self.step_back, margins[:, rows]
            )
            attacked.images[rows] = stepped.images
            attacked.forward_passes[rows] += stepped.forward_passes
        return attacked

    def _attempt(self, classifier: Classifier, examples: Examples, attempt: int) -> Loop:
        """One attempt with each example; restarts begin at a random point, the others only with ``random_start``."""
        loop = Loop(
            self,
            self.objective(classifier, examples, attempt),
            NORMS[self.norm],
            self.epsilon,
            self.step_lengths(),
            self.early_stop,
            self.random_start or attempt % (1 + self.restarts) > 0,
            attempt,
        )
        loop.run()
        if self.step_back or self.attempts > 1:
            loop.look(np.flatnonzero(~loop.reached))
        return loop
