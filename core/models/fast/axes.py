"""A convolution along one of its axes, and how its gradient is cut there.

With input pixel r, output o, kernel tap t and the layer's stride, dilation and padding in front:
dx[r] = sum over t of g[o] w[t], where stride * o = r + padding - dilation * t.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Axis:
    """A convolution along one axis: sizes in pixels; ``before`` is the padding in front of the input."""

    size: int
    outputs: int
    kernel: int
    stride: int
    dilation: int
    before: int

    @property
    def after(self) -> int:
        """The padding behind the input, as far as the kernel gets there."""
        return max(
            0, (self.outputs - 1) * self.stride + (self.kernel - 1) * self.dilation + 1 - self.size - self.before
        )


@dataclass(frozen=True)
class Windows:
    """The rows of the gradient in blocks of P.

    taps: (length, P), the kernel's tap that leads from a window's row to a block's; -1 for none.
    step: between the windows of two blocks; before, after: padding of the output's gradient.
    """

    count: int
    step: int
    before: int
    after: int
    taps: NDArray[np.int64]

    @classmethod
    def of(cls, axis: Axis, pixels: int) -> Windows:
        """Blocks of ``pixels``, a multiple of the stride."""
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
    """The columns of the output's gradient in cells, one for P columns of the padded input.

    taps: (outputs, planes * P), the kernel's tap that leads from a cell's output to a pixel; -1 for none.
    A cell leads to ``planes`` blocks of P pixels, so that each block is the sum of as many cells.
    blocks: of all pixels, those that no output leads to included.
    """

    count: int
    planes: int
    blocks: int
    taps: NDArray[np.int64]

    @classmethod
    def of(cls, axis: Axis, pixels: int) -> Cells:
        """Cells for ``pixels`` columns, a multiple of the stride."""
        outputs = pixels // axis.stride
        reach = (outputs - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1
        count, planes = -(-axis.outputs // outputs), -(-reach // pixels)
        taps = np.full((outputs, planes * pixels), -1)
        for output, tap in product(range(outputs), range(axis.kernel)):
            taps[output, output * axis.stride + tap * axis.dilation] = tap
        blocks = max(count + planes - 1, -(-(axis.before + axis.size) // pixels))
        return cls(count, planes, blocks, taps)
