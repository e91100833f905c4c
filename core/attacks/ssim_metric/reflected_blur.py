"""The Gaussian window of SSIM over planes that are reflected at their borders, as a symmetric operator.

Along one axis, the reflected window is a symmetric band matrix, so the operator is its own adjoint. It is applied as
matrix products, each of one tile of one plane, so their bits depend neither on the number of planes nor on the others.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.image.blur import RADIUS, WEIGHTS

_TILE = 48  # rows or columns, at most, in one product


def blur(planes: NDArray[np.float64], *, squared: bool = False) -> NDArray[np.float64]:
    """Compute the weighted means over the windows around every pixel.

    Args:
        planes: (..., H, W), each side at least ``RADIUS`` pixels long.
        squared: with the squares of the weights.

    Returns:
        (..., H, W).
    """
    rows = np.empty_like(planes)
    for to, of, band in _bands(planes.shape[-2], squared):
        np.matmul(band, planes[..., of, :], out=rows[..., to, :])
    found = np.empty_like(planes)
    for to, of, band in _bands(planes.shape[-1], squared):
        np.matmul(rows[..., of], band.T, out=found[..., to])
    return found


@cache
def _bands(side: int, squared: bool) -> list[tuple[slice, slice, NDArray[np.float64]]]:  # noqa: FBT001 - cached
    """For each tile of an axis: the pixels of the result, those that they depend on, and the matrix between them."""
    matrix = _matrix(side) ** (2 if squared else 1)
    tiles = -(-side // _TILE)
    edges = [side * tile // tiles for tile in range(tiles + 1)]
    found = []
    for first, last in pairwise(edges):
        of = slice(max(0, first - RADIUS), min(side, last + RADIUS))
        found.append((slice(first, last), of, np.ascontiguousarray(matrix[first:last, of])))
    return found


def _matrix(side: int) -> NDArray[np.float64]:
    """The matrix (side, side) from pixels to the weighted means over their windows."""
    places = np.arange(side)[:, None] + np.arange(-RADIUS, RADIUS + 1)
    reflected = np.where(places < 0, -1 - places, np.where(places < side, places, 2 * side - 1 - places))
    found = np.zeros((side, side))
    np.add.at(found, (np.arange(side)[:, None], reflected), WEIGHTS)
    return found
