"""Norms: the epsilon ball within which an image may change, and the step of length 1. Each row by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Bounds, Images

NormName = Literal["linf", "l2"]
Region = tuple[Images, ...]
"""What a norm needs to know of each image's ball: arrays with a row for each."""

_FLOOR = np.float32(1e-12)  # keeps 0 / 0 from becoming NaN


class Norm(Protocol):
    """A norm, and its ball around clean images (n, H, W, C) within the bounds."""

    def region(self, clean: Images, epsilon: float, bounds: Bounds) -> Region:
        """Precompute what ``project`` needs for each ball."""
        ...

    def unit(self, heading: Images) -> Images:
        """The step of norm 1 with the largest inner product with ``heading``; zero where ``heading`` is zero."""
        ...

    def project(self, moved: Images, region: Region, epsilon: float, bounds: Bounds) -> Images:
        """The nearest images within ball and bounds.

        The distance to the clean image, computed exactly, never exceeds epsilon. ``moved`` may be overwritten.
        """
        ...

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], epsilon: float) -> NDArray[np.float64]:
        """A change drawn uniformly from the ball."""
        ...


class LInf:
    """L-infinity: the largest change of a pixel."""

    def region(self, clean: Images, epsilon: float, bounds: Bounds) -> Region:
        """The lowest and the highest pixels of the box."""
        return ball(clean, epsilon, bounds)

    def unit(self, heading: Images) -> Images:
        """sign(heading)."""
        return np.sign(heading)

    def project(
        self,
        moved: Images,
        region: Region,
        epsilon: float,  # noqa: ARG002 - Norm's signature
        bounds: Bounds,  # noqa: ARG002 - Norm's signature
    ) -> Images:
        """Clip to the box."""
        lower, upper = region
        return np.minimum(np.maximum(moved, lower, out=moved), upper, out=moved)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], epsilon: float) -> NDArray[np.float64]:
        """Each pixel is uniform and independent."""
        return rng.uniform(-epsilon, epsilon, shape)


class L2:
    """L2: the Euclidean length of the change."""

    def region(self, clean: Images, epsilon: float, bounds: Bounds) -> Region:  # noqa: ARG002 - Norm's signature
        """The centre of the ball."""
        return (clean.copy(),)

    def unit(self, heading: Images) -> Images:
        """heading / ||heading||_2."""
        return np.asarray(heading / np.maximum(_length(heading), _FLOOR), np.float32)

    def project(self, moved: Images, region: Region, epsilon: float, bounds: Bounds) -> Images:
        """Project onto the ball, then clip to the bounds, which only shortens the change."""
        (clean,) = region
        low, high = np.float32(bounds[0]), np.float32(bounds[1])
        # Each pixel is rounded by half a unit in the last place at most.
        rounding = np.sqrt(math.prod(moved.shape[1:])) * np.spacing(np.maximum(np.abs(low), np.abs(high))) / 2
        radius = max(epsilon * (1 - 1e-6) - float(rounding), 0.0)
        change = moved - clean
        share = np.minimum(radius / np.maximum(_length(change), _FLOOR), 1)
        return np.clip(clean + change * share.astype(np.float32), low, high)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], epsilon: float) -> NDArray[np.float64]:
        """A uniform direction, and a length whose power of the dimension is uniform."""
        direction = rng.normal(size=shape)
        length = epsilon * rng.uniform() ** (1 / direction.size)
        return np.asarray(direction / np.linalg.norm(direction) * length)


NORMS: dict[NormName, Norm] = {"linf": LInf(), "l2": L2()}


@dataclass(frozen=True)
class Ball:
    """The balls of radius ``epsilon`` around n images, within the bounds."""

    norm: Norm
    region: Region
    epsilon: float
    bounds: Bounds

    def unit(self, heading: Images) -> Images:
        """See Norm; a new array."""
        return self.norm.unit(heading)

    def project(self, moved: Images) -> Images:
        """See Norm."""
        return self.norm.project(moved, self.region, self.epsilon, self.bounds)


def ball(clean: Images, epsilon: float, bounds: Bounds) -> tuple[Images, Images]:
    """The lowest and highest float32 pixels within ``epsilon`` of ``clean`` and within the bounds.

    They are rounded towards the clean image, so the distance, computed exactly, never exceeds epsilon.

    Args:
        clean: (n, H, W, C) within the bounds.
        epsilon: in units of the bounds.
        bounds: lowest and highest pixel value.
    """
    exact = clean.astype(np.float64)
    low, high = np.float32(bounds[0]), np.float32(bounds[1])
    return np.maximum(_end(exact, -epsilon), low), np.minimum(_end(exact, epsilon), high)


def _end(exact: NDArray[np.float64], change: float) -> Images:
    end = (exact + change).astype(np.float32)
    too_far = np.abs(end - exact) > abs(change)
    # To the next number inwards, by the integers behind them: np.nextafter takes ten times as long.
    bits = end.view(np.int32)
    bits += np.where((end > 0) == (change > 0), np.int8(-1), np.int8(1)) * too_far
    return end


def _length(change: Images) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.square(change, dtype=np.float64).sum(axis=(1, 2, 3), keepdims=True)))
