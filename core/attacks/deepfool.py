"""DeepFool (Moosavi-Dezfooli, Fawzi and Frossard 2016, arXiv 1511.04599)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.attacks.base import Attack, Attacked, Examples, Passes
from core.attacks.gradient.norms import NORMS, NormName
from core.errors import ConfigError
from core.image.pixels import Bounds, Images
from core.models.inference.classifier import Classifier, predict
from core.registry import ATTACKS

_DUAL: dict[NormName, int] = {"l2": 2, "linf": 1}  # q = p / (p - 1)
_SHORTEST = 1e-4  # of the pixel range: where two logits are equal, the boundary is 0 away, but not crossed
_NOWHERE = 1e-30  # a slope this far below the gap leads to no boundary that float32 can tell


@ATTACKS.register("deepfool")
class DeepFool(Attack):
    """Steps to the nearest decision boundary, as if the classifier were linear, until it is crossed.

    With f[k] = z[k] - z[y], w[k] its gradient, and k the rival with the least |f[k]| / ||w[k]||_q:
    r <- r + |f[k]| / ||w[k]||_q * unit(w[k]), x <- clip(clean + (1 + overshoot) * r). In L2, q = 2 and
    unit(w) = w / ||w||_2 (algorithm 2); in L-infinity, q = 1 and unit(w) = sign(w) (section 3.3). As in the
    authors' code, the prediction and the next gradient are taken at x, beyond the overshoot.

    Two things are not in the paper, which has no bounds: a pixel that is at a bound and would leave it counts
    neither in w nor in r; and the first ``strides`` steps cover 1/strides, 1/(strides - 1), ..., 1 of the remaining
    way, so that the gradient is also taken in between (1: the paper's step).

    There is no epsilon: the attack measures how far each image is from a misclassification. The change is not rounded
    to ``levels``: rounding to 8 bits undoes it. Cost: a step is two forward passes and ``candidates`` backward passes.
    Choose it where the size of the change is what counts.
    """

    targetable: ClassVar[bool] = False

    norm: NormName = Field("l2", description="the norm in which the change is to be small: l2, or linf")
    steps: int = Field(50, ge=1, description="iterations at most")
    overshoot: float = Field(0.02, ge=0, description="how far beyond the boundary, as a share of the way there")
    candidates: int = Field(
        9, ge=1, description="rivals considered: the classes of the largest logits besides the label"
    )
    strides: int = Field(4, ge=1, description="strides in which it approaches the boundary; 1 as in the paper")

    def passes_at_most(self, classes: int) -> Passes:
        """See Attack."""
        return Passes(1 + 2 * self.steps, self.steps * min(self.candidates, classes - 1))

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:
        """See Attack; raises ConfigError for a target."""
        if examples.targeted:
            raise ConfigError(
                "deepfool without a target", "one", "choose an attack that moves to a class, such as mifgsm"
            )
        clean, (low, high) = examples.images, np.asarray(examples.bounds, np.float32)
        attacked, way = Attacked.start(clean), np.zeros_like(clean)
        x, taken, forward, backward = attacked.images, attacked.steps, attacked.forward_passes, attacked.backward_passes
        strides = min(self.strides, self.steps)
        queue = np.flatnonzero(~examples.reached(predict(classifier, x)))
        forward += 1
        while len(queue):
            rows, queue = queue[: classifier.batch_size], queue[classifier.batch_size :]
            step = self._step(classifier, x[rows], examples.labels[rows], examples.bounds)
            forward[rows] += 1
            backward[rows] += self._count(classifier)
            stuck = ~step.any(axis=(1, 2, 3))
            attacked.vanished[rows[stuck & (taken[rows] == 0)]] = True
            rows, step = rows[~stuck], step[~stuck]
            share = (1 / np.maximum(strides - taken[rows], 1)).astype(np.float32)
            moved = way[rows] + share[:, None, None, None] * step
            way[rows] = np.clip(clean[rows] + moved, low, high) - clean[rows]
            x[rows] = np.clip(clean[rows] + np.float32(1 + self.overshoot) * way[rows], low, high)
            taken[rows] += 1
            forward[rows] += 1
            goes_on = ~examples.reached(predict(classifier, x[rows]), rows) & (taken[rows] < self.steps)
            # To the front: with the slowest first, batches stay full to the end.
            queue = np.concatenate([rows[goes_on], queue])
        return attacked

    def _count(self, classifier: Classifier) -> int:
        """The number of rivals considered; each takes a backward pass."""
        return min(self.candidates, classifier.classes - 1)

    def _step(self, classifier: Classifier, x: Images, labels: NDArray[np.int64], bounds: Bounds) -> Images:
        """From each image to the nearest boundary (n, H, W, C); zero where no gradient leads to one."""
        low, high = np.asarray(bounds, np.float32)
        logits, rivals, w = classifier.rivals(x, labels, self._count(classifier))
        at = x[:, None]
        leaves = ((at <= low) & (w < 0)) | ((at >= high) & (w > 0))
        w = np.where(np.isfinite(w) & ~leaves, w, np.float32(0))
        rows = np.arange(len(x))
        f = logits[rows, labels][:, None] - np.take_along_axis(logits, rivals, axis=1)
        with np.errstate(over="ignore"):
            size = np.linalg.norm(w.reshape(*rivals.shape, -1), _DUAL[self.norm], axis=2).astype(np.float64)
        usable = (size > _NOWHERE * np.abs(f)) & np.isfinite(size) & np.isfinite(f)
        length = np.divide(f, size, out=np.full(size.shape, np.inf), where=usable)
        nearest = length.argmin(axis=1)
        length = np.where(usable[rows, nearest], np.maximum(length[rows, nearest], _SHORTEST * (high - low)), 0)
        step = NORMS[self.norm].unit(w[rows, nearest]) * length[:, None, None, None]
        return step.astype(np.float32)
