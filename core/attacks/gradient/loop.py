"""The loop over the steps of a gradient attack, from the clean images to the result.

It owns the epsilon ball, the bounds, the early stop, the scheduling and the count of passes. The attack's hooks
choose the next point.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.attacks.base import Attacked, Examples
from core.attacks.gradient.active_batch import ActiveBatch, Points
from core.attacks.gradient.flip_prediction import probably_flipped
from core.attacks.gradient.iterate import Iterate, State
from core.attacks.gradient.norms import Ball, Norm
from core.attacks.gradient.objective import Objective, Rows
from core.image.pixels import Images
from core.rng import image_rng


class UpdateRule(Protocol):
    """The hooks of an attack; see GradientAttack."""

    @property
    def keeps_best(self) -> bool:
        """Whether ``best`` is asked at the last point."""
        ...

    def init_state(self, clean: Images) -> State:
        """The state before the first step."""
        ...

    def gradient(self, at: Iterate) -> Images:
        """The gradient to follow."""
        ...

    def update(self, at: Iterate) -> tuple[Images, State]:
        """The next points and the new state."""
        ...

    def best(self, at: Iterate) -> Images:
        """The points to return."""
        ...


@dataclass
class Loop:
    """One attempt with all examples of an objective.

    Args:
        step_sizes: (steps,), the length of each step.
        scattered: whether it starts at random points of the ball.

    Attributes:
        reached: (n,), whether the goal is known to be reached.
        margins: (2, n), of the clean images and of the resulting points, NaN where they were not evaluated.
    """

    rule: UpdateRule
    objective: Objective
    norm: Norm
    epsilon: float
    step_sizes: NDArray[np.float32]
    early_stop: bool
    scattered: bool
    attempt: int
    reached: NDArray[np.bool_] = field(init=False)
    margins: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.examples.images)
        self.reached, self.margins = np.zeros(count, bool), np.full((2, count), np.nan, np.float32)

    @property
    def examples(self) -> Examples:
        """The examples that are attacked."""
        return self.objective.examples

    @property
    def attacked(self) -> Attacked:
        """The result, which the loop writes to."""
        return self.objective.attacked

    def run(self) -> None:
        """Take steps until every example is done."""
        batch = ActiveBatch(self.objective.classifier.batch_size, len(self.examples.images), self._begin)
        while len(batch):
            done, unverified = self._step(batch.points)
            batch.release(done, unverified)
            while (points := batch.due()) is not None:
                done = self._verify(points)
                batch.resume(points.take(np.flatnonzero(~done)))
            batch.refill()

    def look(self, rows: Rows) -> None:
        """Evaluate the resulting points of the examples at ``rows``."""
        self._judge(self.objective.logits(self.attacked.images[rows], rows), rows)

    def _step(self, points: Points) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """One step of each point; which of them are done (n,), and which are to be verified (n,)."""
        at = self._iterate(points)
        gradient = at.gradient
        reached = self._reached(at) if self.early_stop else np.zeros(len(points), bool)
        self._note_start(at, ~reached)

        x, state = self.rule.update(at)
        x = at.ball.project(x)
        unverified = self._probably_flipped(at, x, gradient) & ~reached if self.early_stop else np.zeros_like(reached)
        points.advance(x, state, ~reached)

        ended = ~reached & (points.step >= len(self.step_sizes))
        if self.rule.keeps_best:
            self._deliver(points, reached)
            return reached, unverified | ended
        self._deliver(points, reached | ended)
        return reached | ended, unverified & ~ended

    def _reached(self, at: Iterate) -> NDArray[np.bool_]:
        """Of which points (n,) the goal is reached. Logits in bfloat16 propose it, and a forward pass decides."""
        logits = at.logits
        if at.exact:
            return self._judge(logits, at.rows)
        reached = at.reached.copy()
        proposed = np.flatnonzero(reached)
        if len(proposed):
            rows = at.rows[proposed]
            reached[proposed] = self._judge(self.objective.logits(at.x[proposed], rows), rows)
        return reached

    def _probably_flipped(self, at: Iterate, x: Images, gradient: Images) -> NDArray[np.bool_]:
        # Summed row by row: np.einsum's sums of large images depend on the number of images.
        change = x - at.x
        change *= gradient
        gain = change.reshape(len(x), -1).sum(axis=1)
        return probably_flipped(
            at.logits,
            self.examples.labels[at.rows],
            targeted=self.examples.targeted,
            loss=self.objective.loss,
            gain=gain,
            towards=None if self.objective.towards is None else self.objective.towards[at.rows],
        )

    def _verify(self, points: Points) -> NDArray[np.bool_]:
        """Evaluate the points; which of them are done (n,)."""
        logits = self.objective.logits(points.x, points.rows)
        done = self._judge(logits, points.rows) if self.early_stop else np.zeros(len(points), bool)
        ended = np.flatnonzero(~done & (points.step >= len(self.step_sizes)))
        if len(ended):
            points.x[ended] = self.rule.best(self._iterate(points.take(ended), logits[ended]))
            done[ended] = True
        self._deliver(points, done)
        return done

    def _judge(self, logits: NDArray[np.float32], rows: Rows) -> NDArray[np.bool_]:
        """Of which of the examples at ``rows`` the goal is reached at these logits."""
        reached = self.examples.reached(logits.argmax(axis=1), rows)
        self.reached[rows[reached]], self.margins[1, rows] = True, self.examples.margins(logits, rows)
        return reached

    def _note_start(self, at: Iterate, moving: NDArray[np.bool_]) -> None:
        """At the first step: whether the gradient vanished, and the margin of the clean image."""
        first = np.flatnonzero(moving & (at.step == 0))
        if not len(first):
            return
        self.attacked.vanished[at.rows[first]] = ~at.gradient[first].any(axis=(1, 2, 3))
        if at.knows_logits and not self.scattered:
            self.margins[0, at.rows[first]] = self.examples.margins(at.logits[first], at.rows[first])

    def _deliver(self, points: Points, done: NDArray[np.bool_]) -> None:
        rows = points.rows[done]
        self.attacked.images[rows], self.attacked.steps[rows] = points.x[done], points.step[done]

    def _iterate(self, points: Points, logits: NDArray[np.float32] | None = None) -> Iterate:
        sizes = self.step_sizes[np.minimum(points.step, len(self.step_sizes) - 1), None, None, None]
        ball = Ball(self.norm, points.region, self.epsilon, self.examples.bounds)
        return Iterate(
            points.x, points.last, points.step, sizes, dict(points.state), ball, points.rows, self.objective,
            self.rule.gradient, logits,
        )  # fmt: skip

    def _begin(self, rows: Rows) -> Points:
        """The examples at ``rows``, where they start."""
        clean = self.examples.images[rows]
        region = self.norm.region(clean, self.epsilon, self.examples.bounds)
        start = self._scatter(clean, rows, Ball(self.norm, region, self.epsilon, self.examples.bounds))
        return Points(rows, np.zeros_like(rows), start, start, dict(self.rule.init_state(clean)), region)

    def _scatter(self, clean: Images, rows: Rows, ball: Ball) -> Images:
        if not self.scattered:
            return clean
        start = clean.copy()
        for place, index in enumerate(self.examples.indices[rows]):
            rng = image_rng(self.examples.seed, int(index), self.attempt)
            start[place] += self.norm.draw(rng, clean.shape[1:], self.epsilon).astype(np.float32)
        return ball.project(start)
