"""The loss that an attack increases, and the passes through the classifier that each image costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.attacks.base import Attacked, Examples
from core.attacks.boundary.margins import dlr_scale, log_odds, margins, margins_towards
from core.image.pixels import Images
from core.models.inference.classifier import Classifier, Loss

Rows = NDArray[np.int64]


class Objective:
    """The loss away from the label, or with a target, towards it.

    ``rows`` (n,) are rows of the examples. Every pass is counted in ``attacked``, for the images that are in it.
    ``towards`` has, for each example, the class that the loss is to move it towards, away from its label; the goal is
    reached at any other class than the label.
    """

    def __init__(
        self,
        classifier: Classifier,
        examples: Examples,
        loss: Loss,
        attacked: Attacked,
        towards: NDArray[np.int64] | None = None,
    ) -> None:
        self.classifier, self.examples, self.loss, self.attacked = classifier, examples, loss, attacked
        self.towards = towards

    def logits(self, points: Images, rows: Rows) -> NDArray[np.float32]:
        """Logits (n, classes) at points (n, H, W, C) of the examples at ``rows``: one forward pass each."""
        self.attacked.forward_passes[rows] += 1
        return self.classifier.logits(points)

    def differentiate(self, points: Images, rows: Rows) -> tuple[NDArray[np.float32], Images]:
        """Logits (n, classes) and the gradient (n, H, W, C) at points of the examples at ``rows``.

        At most a batch of points (n, H, W, C); each costs one forward and one backward pass.
        """
        self.attacked.forward_passes[rows] += 1
        self.attacked.backward_passes[rows] += 1
        labels = self.examples.labels[rows]
        if self.towards is not None and self.loss != "cross_entropy":
            return self.classifier.towards(points, labels, self.towards[rows], self.loss)
        logits, gradient = self.classifier.gradient(points, labels, self.loss)
        return logits, -gradient if self.examples.targeted else gradient

    def margins(self, logits: NDArray[np.float32], rows: Rows) -> NDArray[np.float32]:
        """The margin (n,) over the label: of the largest other logit, or of the class to move towards."""
        labels = self.examples.labels[rows]
        return margins(logits, labels) if self.towards is None else margins_towards(logits, labels, self.towards[rows])

    def values(self, logits: NDArray[np.float32], rows: Rows) -> NDArray[np.float64]:
        """The loss (n,) at these logits (n, classes), which the attack increases; with a target, its negative."""
        labels = self.examples.labels[rows]
        if self.loss == "cross_entropy":
            found = np.logaddexp(0, -log_odds(logits, labels))
        else:
            found = self.margins(logits, rows).astype(np.float64)
        if self.loss == "dlr":
            found = found / dlr_scale(logits, towards=self.towards is not None)
        return -found if self.examples.targeted else found
