"""The loss that an attack increases, and the passes through the classifier that each image costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.attacks.base import Attacked, Examples
from core.attacks.boundary.margins import log_odds, margins
from core.image.pixels import Images
from core.models.inference.classifier import Classifier, Loss

Rows = NDArray[np.int64]


class Objective:
    """The loss away from the label, or with a target, towards it.

    ``rows`` (n,) are rows of the examples. Every pass is counted in ``attacked``, for the images that are in it.
    """

    def __init__(self, classifier: Classifier, examples: Examples, loss: Loss, attacked: Attacked) -> None:
        self.classifier, self.examples, self.loss, self.attacked = classifier, examples, loss, attacked

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
        logits, gradient = self.classifier.gradient(points, self.examples.labels[rows], self.loss)
        return logits, -gradient if self.examples.targeted else gradient

    def values(self, logits: NDArray[np.float32], rows: Rows) -> NDArray[np.float64]:
        """The loss (n,) at these logits (n, classes), which the attack increases; with a target, its negative."""
        labels = self.examples.labels[rows]
        if self.loss == "margin":
            found = margins(logits, labels).astype(np.float64)
        else:
            found = np.logaddexp(0, -log_odds(logits, labels))
        return -found if self.examples.targeted else found
