"""The distance between the clean and the adversarial image, in several norms, in pixel units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Images
from core.registry import METRICS


class _Norm:
    """One value (n,) for images (n, H, W, C), computed in float64."""

    order: float

    def __call__(self, clean: Images, adversarial: Images, bounds: tuple[float, float]) -> NDArray[np.float64]:
        difference = adversarial.astype(np.float64) - clean.astype(np.float64)
        norms: NDArray[np.float64] = np.linalg.norm(difference.reshape(len(clean), -1), ord=self.order, axis=1)
        return norms


@METRICS.register("l0")
class L0(_Norm):
    """The number of values (pixels times channels) that changed."""

    order = 0


@METRICS.register("l1")
class L1(_Norm):
    """The sum of the changes."""

    order = 1


@METRICS.register("l2")
class L2(_Norm):
    """The Euclidean length of the change."""

    order = 2


@METRICS.register("linf")
class Linf(_Norm):
    """The largest change of a value."""

    order = np.inf
