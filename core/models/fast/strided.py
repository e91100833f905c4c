"""The input gradient of a convolution with few input channels, as a strided convolution.

Vector units compute 16 channels at a time, so a gradient with 1 or 3 channels leaves most of them
idle. Here P x P neighbouring pixels of the gradient are computed together, as the P * P * C channels
of a convolution over the output's gradient with stride P; ``depth_to_space`` then puts them side by
side. It is the rearrangement of sub-pixel convolution (Shi et al. 2016, arXiv 1609.05158, section 3.2).

For one axis, with input pixel r = P p + a, output o, kernel tap t and the layer's stride, dilation
and padding in front:  dx[r] = sum over t of g[o] w[t], where stride * o = r + padding - dilation * t.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LANES = 16
_LARGEST_BLOCK = 8
_WORTH = 0.7  # of the arithmetic of TensorFlow's own form


@dataclass(frozen=True)
class Axis:
    """A convolution along one axis: sizes in pixels; ``before`` is the padding in front of the input."""

    size: int
    outputs: int
    kernel: int
    stride: int
    dilation: int
    before: int


@dataclass(frozen=True)
class Blocks:
    """The same axis of the gradient in blocks of P pixels.

    taps: (length, P), the kernel's tap that leads from a window's row to a block's pixel; -1 for none.
    step: between the windows of two blocks; before, after: padding of the output's gradient.
    """

    count: int
    step: int
    before: int
    after: int
    taps: NDArray[np.int64]

    @classmethod
    def of(cls, axis: Axis, pixels: int) -> Blocks:
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
class Strided:
    """The whole form: the side of a block in pixels, and both axes."""

    pixels: int
    rows: Blocks
    columns: Blocks

    @classmethod
    def of(cls, rows: Axis, columns: Axis, channels: int) -> Strided | None:
        """The cheapest block size; None where TensorFlow's own gradient is as good."""
        if channels >= LANES:
            return None
        own = rows.outputs * columns.outputs * rows.kernel * columns.kernel * _full(channels)
        common = int(np.lcm(rows.stride, columns.stride))
        forms = [
            cls(pixels, Blocks.of(rows, pixels), Blocks.of(columns, pixels))
            for pixels in range(common, _LARGEST_BLOCK + 1, common)
            if pixels > 1
        ]
        best = min(forms, key=lambda form: form._cost(channels), default=None)
        return best if best and best._cost(channels) <= _WORTH * own else None

    def _cost(self, channels: int) -> int:
        """Multiplications per output channel, those of idle lanes included."""
        windows = self.rows.count * self.columns.count
        taps = len(self.rows.taps) * len(self.columns.taps)
        return windows * taps * _full(channels * self.pixels**2)

    def filter(self, kernel: Any) -> Any:
        """The filter of the strided convolution, from a kernel (KH, KW, C, outputs); both are tensors."""
        import tensorflow as tf

        height, width, channels, outputs = kernel.shape
        rows, columns = self.rows.taps[:, None, :, None], self.columns.taps[None, :, None, :]
        nothing = height * width  # a tap of zeros
        taps = np.where((rows >= 0) & (columns >= 0), rows * width + columns, nothing)
        known = tf.pad(tf.reshape(kernel, (nothing, channels, outputs)), [[0, 1], [0, 0], [0, 0]])
        spread = tf.transpose(tf.gather(known, taps), (0, 1, 5, 2, 3, 4))
        return tf.reshape(spread, (*taps.shape[:2], outputs, channels * self.pixels**2))

    def gradient(self, kernel: Any, out_gradient: Any, height: int, width: int) -> Any:
        """The input's gradient (B, height, width, C), from that of the output (B, H', W', outputs)."""
        import tensorflow as tf

        blocks = tf.raw_ops.Conv2D(
            input=out_gradient,
            filter=self.filter(kernel),
            strides=[1, self.rows.step, self.columns.step, 1],
            padding="EXPLICIT",
            explicit_paddings=[0, 0, self.rows.before, self.rows.after, self.columns.before, self.columns.after, 0, 0],
        )
        blocks = blocks[:, : self.rows.count, : self.columns.count]
        return tf.nn.depth_to_space(blocks, self.pixels)[:, :height, :width]


def _full(channels: int) -> int:
    return -(-channels // LANES) * LANES
