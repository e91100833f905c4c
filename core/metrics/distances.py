"""Norms of the perturbation, in the pixel units of the images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Images
from core.registry import METRICS


class _Norm:
    """The norm (n,) of the perturbations of images (n, H, W, C), computed in float64."""

    order: float

    def __call__(
        self,
        clean: Images,
        adversarial: Images,
        bounds: tuple[float, float],  # noqa: ARG002 - a metric's signature
    ) -> NDArray[np.float64]:
        difference = adversarial.astype(np.float64) - clean.astype(np.float64)
        norms: NDArray[np.float64] = np.linalg.norm(difference.reshape(len(clean), -1), ord=self.order, axis=1)
        return norms


@METRICS.register("l0")
class L0(_Norm):
    """The number of changed values (pixels times channels)."""

    order = 0


@METRICS.register("l1")
class L1(_Norm):
    """The sum of the absolute changes."""

    order = 1


@METRICS.register("l2")
class L2(_Norm):
    """The Euclidean norm of the change."""

    order = 2


@METRICS.register("linf")
class Linf(_Norm):
    """The largest absolute change of a value."""

    order = np.inf
