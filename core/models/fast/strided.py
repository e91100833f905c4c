"""Computes the input gradient of a convolution with few input channels as a convolution with many.

Vector units compute 16 channels at a time, so a gradient with 1 or 3 channels leaves most lanes idle. Here P rows and
several columns of the gradient are computed together, as the channels of one convolution over the output gradient.
Rows are divided into blocks, each computed from the window of all outputs that depend on it (the rearrangement of
sub-pixel convolution, Shi et al. 2016, arXiv 1609.05158, section 3.2). For columns it is the reverse: the outputs are
divided into cells, each cell's contributions to all its pixels are computed, and the contributions of neighbouring
cells to the same pixels are summed. For the same number of multiplications, a cell has more channels than a window,
and its inputs are contiguous in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.models.fast.axes import Axis, Cells, Windows
from core.models.fast.costs import MOVED, multiplications

_LARGEST_BLOCK = 8


@dataclass(frozen=True)
class Strided:
    """The strided form of a convolution's input gradient.

    pixels: P, the side of a block. before: columns of padding before the input. rows, columns: the division of
    each axis.
    """

    pixels: int
    before: int
    rows: Windows
    columns: Cells

    @classmethod
    def of(cls, rows: Axis, columns: Axis, pixels: int) -> Strided:
        """Divide both axes for blocks of side ``pixels``, a multiple of both strides."""
        return cls(pixels, columns.before, Windows.of(rows, pixels), Cells.of(columns, pixels))

    @classmethod
    def cheapest(cls, rows: Axis, columns: Axis, channels: int, outputs: int) -> Strided | None:
        """The form with the cheapest block size for a kernel (KH, KW, channels, outputs), or None."""
        # None where even the smallest block, the strides' common multiple, is too large.
        common = int(np.lcm(rows.stride, columns.stride))
        forms = [cls.of(rows, columns, pixels) for pixels in range(common, _LARGEST_BLOCK + 1, common)]
        return min(forms, key=lambda form: form.cost(channels, outputs), default=None)

    def cost(self, channels: int, outputs: int) -> float:
        """Estimate the cost, in the units of costs.py."""
        windows, together = self.rows.count * self.columns.count, self.columns.planes * self.pixels**2 * channels
        taps = len(self.rows.taps) * len(self.columns.taps)
        return multiplications(windows * taps * outputs, together) + MOVED * windows * together

    def filter(self, kernel: Any) -> Any:
        """Rearrange a kernel (KH, KW, C, outputs) as the filter (window, 1, cell * outputs, planes * P * P * C)."""
        import tensorflow as tf

        height, width, channels, outputs = kernel.shape
        cell, planes = len(self.columns.taps), self.columns.planes
        rows = self.rows.taps[:, None, None, :, None]
        columns = self.columns.taps.reshape(cell, planes, self.pixels)[None, :, :, None, :]
        nothing = height * width  # the index of a tap of zeros
        taps = np.where((rows >= 0) & (columns >= 0), rows * width + columns, nothing)
        known = tf.pad(tf.reshape(kernel, (nothing, channels, outputs)), [[0, 1], [0, 0], [0, 0]])
        spread = tf.transpose(tf.gather(known, taps), (0, 1, 6, 2, 3, 4, 5))
        return tf.reshape(spread, (len(taps), 1, cell * outputs, planes * self.pixels**2 * channels))

    def gradient(self, kernel: Any, out_gradient: Any, height: int, width: int) -> Any:
        """Compute the input gradient (B, height, width, C) from the output gradient (B, H', W', outputs)."""
        import tensorflow as tf

        _, in_height, in_width, outputs = out_gradient.shape
        channels, side = kernel.shape[2], self.pixels
        cells, planes, blocks = self.columns.count, self.columns.planes, self.columns.blocks
        cell = len(self.columns.taps)
        if cells * cell > in_width:
            out_gradient = tf.pad(out_gradient, [[0, 0], [0, 0], [0, cells * cell - in_width], [0, 0]])
        shares = tf.raw_ops.Conv2D(
            input=tf.reshape(out_gradient, (-1, in_height, cells, cell * outputs)),
            filter=self.filter(kernel),
            strides=[1, self.rows.step, 1, 1],
            padding="EXPLICIT",
            explicit_paddings=[0, 0, self.rows.before, self.rows.after, 0, 0, 0, 0],
        )[:, : self.rows.count]
        shares = tf.reshape(shares, (-1, self.rows.count, cells, planes, side * side * channels))
        total = tf.add_n(
            [
                tf.pad(shares[:, :, :, plane], [[0, 0], [0, 0], [plane, blocks - cells - plane], [0, 0]])
                for plane in range(planes)
            ]
        )
        # depth_to_space would take three times as long.
        by_rows = tf.transpose(tf.reshape(total, (-1, self.rows.count, blocks, side, side * channels)), (0, 1, 3, 2, 4))
        whole = tf.reshape(by_rows, (-1, self.rows.count * side, blocks * side, channels))
        return whole[:, :height, self.before : self.before + width]
