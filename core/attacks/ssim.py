"""The least loss of SSIM: a boundary attack in the metric that SSIM itself has near the clean image."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.attacks.base import Attack, Attacked, Examples, Passes
from core.attacks.ssim_metric.finish import ROUNDING_PASSES, finish
from core.attacks.ssim_metric.walk import Walk
from core.datasets.base import ImageSet
from core.errors import ConfigError, InputError
from core.image.pixels import Bounds
from core.image.ssim import WINDOW
from core.models.inference.classifier import Classifier, predict
from core.registry import ATTACKS
from core.runtime.blas import one_blas_thread


@ATTACKS.register("ssim")
class LeastSsimLoss(Attack):
    """Walks along the decision boundary to where the loss of uncropped SSIM (``ssim_full``) is least.

    To second order, 1 - SSIM is d' Q d of the change d (ssim_metric/quadratic_form.py). The walk is that of FAB (Croce
    and Hein 2020, arXiv 1907.02044) with this norm in place of an Lp norm: from the current point and from the clean
    image, project onto the boundary as if the margin were linear, and combine the two, the clean image's share being at
    most ``alpha``; beyond the boundary, go back to ``backward`` of the change. What counts is the metric itself: of all
    points that flip the prediction, the one of the highest SSIM is kept. Images that withstand half of the steps go up
    the gradient in growing L2 steps until they flip, and walk from there. 8-bit images end on 8-bit levels.

    There is no epsilon. Cost: a step is a forward and backward pass, a forward pass, and some 50 blurs of the image;
    in the end about 12 forward passes find the levels. Choose it where what is seen of the change counts.
    """

    targetable: ClassVar[bool] = False

    steps: int = Field(30, ge=1, description="iterations; every image takes all of them")
    alpha: float = Field(0.1, ge=0, le=1, description="largest share of the projection of the clean image in a step")
    overshoot: float = Field(0.05, ge=0, description="how far beyond the boundary, as a share of the way there")
    backward: float = Field(0.9, gt=0, le=1, description="what remains of the change after a step that flips")

    def prepare(self, images: ImageSet, bounds: Bounds, model: str) -> dict[str, NDArray[Any] | Any]:  # noqa: ARG002
        """Nothing; raises InputError for images smaller than SSIM's window. See Attack."""
        _check(images.images.shape[1:])
        return {}

    def passes_at_most(self, classes: int) -> Passes:  # noqa: ARG002
        """See Attack."""
        return Passes(1 + 2 * self.steps + ROUNDING_PASSES, self.steps + 1)

    @one_blas_thread()
    def run(self, classifier: Classifier, examples: Examples) -> Attacked:
        """See Attack; raises ConfigError for a target, InputError for images smaller than SSIM's window."""
        if examples.targeted:
            raise ConfigError("ssim without a target", "one", "choose an attack that moves to a class, such as mifgsm")
        _check(examples.images.shape[1:])
        attacked = Attacked.start(examples.images)
        queue = np.flatnonzero(~examples.reached(predict(classifier, examples.images)))
        attacked.forward_passes[:] = 1
        for start in range(0, len(queue), classifier.batch_size):
            rows = queue[start : start + classifier.batch_size]
            walk = Walk(classifier, examples.take(rows))
            for step in range(self.steps):
                walk.step(self.alpha, self.overshoot, self.backward, lost=2 * step >= self.steps)
            attacked.steps[rows], attacked.vanished[rows] = self.steps, walk.vanished
            attacked.forward_passes[rows] += 2 * self.steps
            attacked.backward_passes[rows] += self.steps
            found = finish(walk)
            attacked.images[rows] = found.images
            attacked.add_passes(found, rows)
        return attacked


def _check(shape: tuple[int, ...]) -> None:
    if min(shape[:2]) < WINDOW:
        raise InputError(
            f"images of at least {WINDOW} x {WINDOW} pixels for attack ssim",
            "images of " + " x ".join(map(str, shape[:2])),
            "SSIM's window does not fit into them: choose an attack in an Lp norm, such as deepfool",
        )
