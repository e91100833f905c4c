"""What the hooks of a gradient attack receive: the current points, and all that is known about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.attacks.gradient.norms import Ball
from core.attacks.gradient.objective import Objective, Rows
from core.image.pixels import Images

State = Mapping[str, NDArray[Any]]
"""What an attack remembers, by name: arrays whose first axis is the images."""


@dataclass(frozen=True)
class Iterate:
    """The points of n images at one step of each. The first axis of every array is the images.

    A hook treats each row by itself and does not change the arrays, which are valid until it returns. Logits that came
    with a gradient in bfloat16, and loss, margin and ``reached`` of them, are approximations; see ``exact``.

    Attributes:
        x, last: (n, H, W, C), the points and the previous points; equal at an image's first step.
        step: (n,), the number of steps so far.
        step_size: (n, 1, 1, 1), the length of the next step in the schedule.
        state: what the attack returned with the points; at the first step the result of ``init_state``.
        ball: the epsilon balls and bounds.
        rows: (n,), the images' rows among the examples.
        objective: the loss, and the examples.
        gradient_of: the attack's ``gradient``.
        evaluated: (n, classes), the logits at ``x`` if they are known.
    """

    x: Images
    last: Images
    step: NDArray[np.int64]
    step_size: Images
    state: State
    ball: Ball
    rows: Rows
    objective: Objective
    gradient_of: Callable[[Iterate], Images]
    evaluated: NDArray[np.float32] | None = None

    def differentiate(self, points: Images) -> Images:
        """The gradient (n, H, W, C) of the loss that increases, at any points (n, H, W, C).

        It costs each image a forward and a backward pass.
        """
        logits, gradient = self.objective.differentiate(points, self.rows)
        if points is self.x:
            # The pass has answered ``logits``; elsewhere it has not.
            vars(self).update(logits=logits, exact=self.objective.classifier.exact)
        return gradient

    def ascend(self, direction: Images, step_size: NDArray[Any] | None = None) -> Images:
        """x + step_size * unit(direction), a new array; ``step_size`` (n, 1, 1, 1) is the schedule's if not given."""
        step = self.ball.unit(direction)
        step *= self.step_size if step_size is None else step_size
        step += self.x
        return step

    @cached_property
    def gradient(self) -> Images:
        """The result (n, H, W, C) of the attack's ``gradient``; zero for an image where it is not finite."""
        gradient = self.gradient_of(self)
        finite = np.isfinite(gradient)
        if finite.all():
            return gradient
        return np.where(finite.all(axis=(1, 2, 3), keepdims=True), gradient, np.float32(0))

    @cached_property
    def logits(self) -> NDArray[np.float32]:
        """The logits (n, classes) at ``x``: a forward pass, unless the gradient was taken there."""
        return self.objective.logits(self.x, self.rows) if self.evaluated is None else self.evaluated

    @property
    def knows_logits(self) -> bool:
        """Whether ``logits`` costs no further pass."""
        return self.evaluated is not None or "logits" in vars(self)

    @cached_property
    def exact(self) -> bool:
        """Whether ``logits`` are float32's; if not, they may propose that the goal is reached, not decide it."""
        return True

    @cached_property
    def loss(self) -> NDArray[np.float64]:
        """The loss (n,) at ``x``, which the attack increases; with a target, its negative."""
        return self.objective.values(self.logits, self.rows)

    @cached_property
    def margin(self) -> NDArray[np.float32]:
        """How far (n,) the logits at ``x`` are beyond the boundary; the goal is reached where it is positive."""
        return self.objective.examples.margins(self.logits, self.rows)

    @cached_property
    def reached(self) -> NDArray[np.bool_]:
        """Whether (n,) the goal is reached at ``x``."""
        return self.objective.examples.reached(self.logits.argmax(axis=1), self.rows)

    @cached_property
    def clean(self) -> Images:
        """The clean images (n, H, W, C)."""
        return self.objective.examples.images[self.rows]
