"""Rounding to one of the two nearest levels, in the order of gain over cost."""

from __future__ import annotations

import numpy as np
import pytest

from core.attacks.ssim_metric.quadratic_form import QuadraticForm
from core.attacks.ssim_metric.rounding import GreedyRounding, outwards

LEVELS = 255
Problem = tuple[np.ndarray, np.ndarray, np.ndarray, QuadraticForm]


@pytest.fixture
def problem() -> Problem:
    rng = np.random.default_rng(5)
    clean = rng.integers(20, 230, (2, 1, 11, 12)) / LEVELS
    change = (rng.integers(-3, 3, clean.shape) + rng.uniform(0.01, 0.99, clean.shape)) / LEVELS
    change[:, :, :4] = 0
    return clean, change, rng.normal(size=clean.shape), QuadraticForm(clean)


def test_no_pixel_leaves_its_nearest_level_then_all_whose_other_level_is_uphill(problem: Problem) -> None:
    clean, change, gradient, form = problem
    rounding, rows = GreedyRounding(form, clean, change, gradient, LEVELS), np.arange(2)
    exact = (clean + change) * LEVELS
    np.testing.assert_array_equal(rounding.levels(np.zeros(2, np.int64), rows), np.rint(exact))
    uphill = rounding.levels(rounding.candidates, rows)
    np.testing.assert_array_equal(uphill[:, :, :4], np.rint(clean * LEVELS)[:, :, :4])
    expected = np.where(gradient > 0, np.ceil(exact), np.floor(exact))[:, :, 4:]
    np.testing.assert_array_equal(uphill[:, :, 4:], expected)


def test_the_first_pixel_gains_most_for_its_cost(problem: Problem) -> None:
    clean, change, gradient, form = problem
    rounding, rows = GreedyRounding(form, clean, change, gradient, LEVELS), np.arange(2)
    nearest = rounding.levels(np.zeros(2, np.int64), rows)
    every = rounding.levels(rounding.candidates, rows)
    first = rounding.levels(np.ones(2, np.int64), rows)
    for index in range(2):
        ratios = {}
        for place in zip(*np.nonzero(every[index] != nearest[index]), strict=True):
            moved = nearest.copy()
            moved[(index, *place)] = every[(index, *place)]
            before, after = (form.size(at / LEVELS - clean)[index].item() for at in (nearest, moved))
            ratios[place] = (after - before) / abs(gradient[(index, *place)])
        best = min(ratios, key=lambda place: ratios[place])
        assert [tuple(at) for at in np.argwhere(first[index] != nearest[index])] == [best]


def test_outwards_is_never_nearer_and_unchanged_where_there_is_no_change(problem: Problem) -> None:
    clean, change, _, _ = problem
    found = outwards(clean, change, LEVELS, 1.0) - np.rint(clean * LEVELS)
    assert (np.abs(found) >= np.abs(change) * LEVELS - 1e-3).all()
    assert (np.abs(found) < np.abs(change) * LEVELS + 1).all()
    assert (found * change >= 0).all()
    whole = outwards(clean, np.full_like(clean, 2 / LEVELS), LEVELS, 1.0)
    np.testing.assert_array_equal(whole, np.rint(clean * LEVELS) + 2)
    assert outwards(clean, np.ones_like(clean), LEVELS, 3.0).max() == LEVELS
