"""The strided form against the sum that defines the gradient, in whole numbers, where float32 is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.models.fast.axes import Axis
from core.models.fast.strided import Strided

pytestmark = pytest.mark.usefixtures("one_thread")


@st.composite
def axes(draw: Any) -> Axis:
    """An axis of a convolution, with the output size that its padding gives."""
    size, kernel = draw(st.integers(1, 11)), draw(st.integers(1, 5))
    stride, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    before, after = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    outputs = (size + before + after - dilation * (kernel - 1) - 1) // stride + 1
    assume(outputs >= 1)
    return Axis(size, outputs, kernel, stride, dilation, before)


def by_definition(kernel: NDArray[Any], gradient: NDArray[Any], rows: Axis, columns: Axis) -> NDArray[Any]:
    found = np.zeros((len(gradient), rows.size, columns.size, kernel.shape[2]))
    for i in range(rows.kernel):
        for j in range(columns.kernel):
            for o in range(rows.outputs):
                for p in range(columns.outputs):
                    r = rows.stride * o + rows.dilation * i - rows.before
                    c = columns.stride * p + columns.dilation * j - columns.before
                    if 0 <= r < rows.size and 0 <= c < columns.size:
                        found[:, r, c] += gradient[:, o, p] @ kernel[i, j].T
    return found


def whole_numbers(seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(np.float32)


@pytest.mark.slow
@settings(max_examples=500)
@given(axes(), axes(), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4))
def test_every_block_size_gives_the_exact_gradient(
    rows: Axis, columns: Axis, channels: int, outputs: int, multiple: int
) -> None:
    import tensorflow as tf

    kernel = whole_numbers(0, (rows.kernel, columns.kernel, channels, outputs))
    gradient = whole_numbers(1, (2, rows.outputs, columns.outputs, outputs))
    form = Strided.of(rows, columns, multiple * int(np.lcm(rows.stride, columns.stride)))
    found = form.gradient(tf.constant(kernel), tf.constant(gradient), rows.size, columns.size)
    np.testing.assert_array_equal(found, by_definition(kernel, gradient, rows, columns))


@given(axes(), axes(), st.integers(1, 4), st.integers(1, 64))
def test_the_cheapest_form_is_no_dearer_than_any_other(rows: Axis, columns: Axis, channels: int, outputs: int) -> None:
    common = int(np.lcm(rows.stride, columns.stride))
    chosen = Strided.cheapest(rows, columns, channels, outputs)
    assert chosen is not None
    assert chosen.pixels % common == 0
    others = [Strided.of(rows, columns, pixels) for pixels in range(common, 9, common)]
    assert chosen.cost(channels, outputs) == min(other.cost(channels, outputs) for other in others)
