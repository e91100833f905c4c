"""A convolution along one axis, and the division of its gradient into blocks or cells along that axis.

With input pixel r, output o, kernel tap t, and the layer's stride, dilation and leading padding:
dx[r] = sum over t of g[o] w[t], where stride * o = r + padding - dilation * t.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Axis:
    """A convolution along one axis; sizes in pixels, ``before`` is the padding before the input."""

    size: int
    outputs: int
    kernel: int
    stride: int
    dilation: int
    before: int

    @property
    def after(self) -> int:
        """The padding after the input, as far as the kernel reaches."""
        return max(
            0, (self.outputs - 1) * self.stride + (self.kernel - 1) * self.dilation + 1 - self.size - self.before
        )


@dataclass(frozen=True)
class Windows:
    """The rows of the input gradient in blocks of P, each computed from one window of the output gradient.

    count: the number of blocks. taps: (window length, P), the kernel tap that connects a window's row with a block's
    row, -1 for none. step: the distance between consecutive windows. before, after: padding of the output gradient.
    """

    count: int
    step: int
    before: int
    after: int
    taps: NDArray[np.int64]

    @classmethod
    def of(cls, axis: Axis, pixels: int) -> Windows:
        """Divide the axis into blocks of ``pixels``, a multiple of the stride."""
        pairs = [
            (pixel, tap, (pixel + axis.before - axis.dilation * tap) // axis.stride)
            for pixel in range(pixels)
            for tap in range(axis.kernel)
            if (pixel + axis.before - axis.dilation * tap) % axis.stride == 0
        ]
        first = min([0, *(place for _, _, place in pairs)])
        last = max([0, *(place for _, _, place in pairs)])
        taps = np.full((last - first + 1, pixels), -1)
        for pixel, tap, place in pairs:
            taps[place - first, pixel] = tap
        count, step = -(-axis.size // pixels), pixels // axis.stride
        return cls(count, step, -first, max(0, (count - 1) * step + last + 1 - axis.outputs), taps)


@dataclass(frozen=True)
class Cells:
    """The columns of the output gradient in cells, one per P columns of the padded input.

    count: the number of cells. taps: (outputs per cell, planes * P), the kernel tap that connects a cell's output with
    a pixel, -1 for none. planes: the number of blocks of P pixels that a cell contributes to; each block is the sum of
    as many cells. blocks: the number of blocks, including those that no output contributes to.
    """

    count: int
    planes: int
    blocks: int
    taps: NDArray[np.int64]

    @classmethod
    def of(cls, axis: Axis, pixels: int) -> Cells:
        """Divide the axis into cells for ``pixels`` columns each, a multiple of the stride."""
        outputs = pixels // axis.stride
        reach = (outputs - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1
        count, planes = -(-axis.outputs // outputs), -(-reach // pixels)
        taps = np.full((outputs, planes * pixels), -1)
        for output, tap in product(range(outputs), range(axis.kernel)):
            taps[output, output * axis.stride + tap * axis.dilation] = tap
        blocks = max(count + planes - 1, -(-(axis.before + axis.size) // pixels))
        return cls(count, planes, blocks, taps)
