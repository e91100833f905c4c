"""The quadratic form is the metric's own loss for small changes, and its solution undoes its product."""

from __future__ import annotations

import numpy as np
import pytest

from core.attacks.ssim_metric.quadratic_form import Planes, QuadraticForm, dot
from core.attacks.ssim_metric.reflected_blur import blur
from core.image.pixels import Bounds
from core.registry import METRICS

SHAPES = [(16, 16, 1), (11, 13, 3), (60, 12, 2)]


def planes(count: int, shape: tuple[int, int, int], seed: int = 1) -> Planes:
    height, width, channels = shape
    return np.random.default_rng(seed).random((count, channels, height, width))


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_loss_of_the_registered_metric(shape: tuple[int, int, int], bounds: Bounds) -> None:
    low, high = bounds
    clean = 0.05 + 0.9 * planes(3, shape)
    clean[1] = 0.2 + 0.01 * clean[1]  # nearly flat
    change = 1e-4 * (planes(3, shape, 2) - 0.5)
    change[:, :, :3] *= 5  # the frame counts

    def loss(way: float) -> np.ndarray:
        a, b = (np.moveaxis(low + (high - low) * each, 1, 3) for each in (clean, clean + way * change))
        return np.asarray(1 - METRICS["ssim_full"]()(a, b, bounds))

    expected = (loss(1) + loss(-1)) / 2  # the cubic terms cancel
    np.testing.assert_allclose(QuadraticForm(clean).size(change).ravel(), expected, rtol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_operator_is_symmetric_and_its_diagonal_is_known(shape: tuple[int, int, int]) -> None:
    form = QuadraticForm(planes(2, shape))
    a, b = planes(2, shape, 3), planes(2, shape, 4)
    np.testing.assert_allclose(dot(a, form.times(b)), dot(b, form.times(a)))
    for place in [(0, 0), (3, 5), (shape[0] - 1, shape[1] - 2)]:
        unit = np.zeros_like(a)
        unit[:, -1, *place] = 1
        np.testing.assert_allclose(form.times(unit)[:, -1, *place], form.diagonal[:, -1, *place])


@pytest.mark.parametrize("shape", SHAPES)
def test_solving_undoes_the_product(shape: tuple[int, int, int]) -> None:
    form, free = QuadraticForm(planes(2, shape)), planes(2, shape, 5) < 0.7
    right = planes(2, shape, 6)
    found = form.solve(right, free, 200)
    assert not found[~free].any()
    np.testing.assert_allclose(form.times(found)[free], right[free], rtol=1e-6)


def test_the_steps_of_an_attack_come_close() -> None:
    form, right = QuadraticForm(planes(2, (28, 28, 1))), planes(2, (28, 28, 1), 6) - 0.5
    exact = form.solve(right, np.ones(right.shape, bool), 200)
    error = form.solve(right, np.ones(right.shape, bool), 6) - exact
    assert (form.size(error) < 0.01 * form.size(exact)).all()


def test_the_window_is_reflected_and_depends_on_no_other_plane() -> None:
    flat = np.full((1, 1, 12, 100), 0.3)
    np.testing.assert_allclose(blur(flat), flat)
    stack = planes(5, (50, 11, 3))
    np.testing.assert_array_equal(blur(stack[3:4]), blur(stack)[3:4])
