"""Projections onto a hyperplane, with and without pixels at the ends of the range."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.optimize import minimize

from core.attacks.ssim_metric.projection import Projection
from core.attacks.ssim_metric.quadratic_form import QuadraticForm, dot

SHAPE = (2, 1, 11, 11)


def made_up() -> tuple[np.ndarray, np.ndarray, QuadraticForm]:
    rng = np.random.default_rng(3)
    clean = rng.random(SHAPE)
    return clean, rng.normal(size=SHAPE), QuadraticForm(clean)


def test_far_from_the_ends_of_the_range_it_is_the_closed_form() -> None:
    _, g, form = made_up()
    wide = np.full(SHAPE, 9.0)
    c = np.array([0.02, 0.05]).reshape(2, 1, 1, 1)
    found, steepest = Projection(form, -wide, wide, 200)(g, c, 1)
    exact = form.solve(g, np.ones(SHAPE, bool), 200)
    np.testing.assert_allclose(steepest, exact)
    np.testing.assert_allclose(found, c / dot(g, exact) * exact, rtol=1e-6)


@pytest.mark.parametrize("rounds", [12, 13])
def test_at_the_ends_of_the_range_it_is_the_least_change_in_it(rounds: int) -> None:
    clean, g, form = made_up()
    c = np.array([6.0, 10.0]).reshape(2, 1, 1, 1)
    found, _ = Projection(form, -clean, 1 - clean, 60)(g, c, rounds)
    assert (np.isclose(found, -clean) | np.isclose(found, 1 - clean)).any(axis=(1, 2, 3)).all()
    np.testing.assert_allclose(dot(g, found), c, rtol=1e-3)
    for index in range(2):
        one = QuadraticForm(clean[index : index + 1])

        def loss(d: np.ndarray, form: QuadraticForm = one) -> tuple[float, np.ndarray]:
            times = form.times(d.reshape(1, *SHAPE[1:])).ravel()
            return float(d @ times), 2 * times

        least = minimize(
            loss,
            found[index].ravel(),
            jac=True,
            method="SLSQP",
            bounds=list(zip(-clean[index].ravel(), 1 - clean[index].ravel(), strict=True)),
            constraints={"type": "ineq", "fun": partial(_slack, g[index].ravel(), c[index].item())},
        )
        assert loss(found[index].ravel())[0] < 1.01 * least.fun


def test_the_clean_image_beyond_the_boundary_stays() -> None:
    clean, g, form = made_up()
    found, _ = Projection(form, -clean, 1 - clean, 6)(g, np.full((2, 1, 1, 1), -0.1), 2)
    assert not found.any()


def _slack(g: np.ndarray, c: float, d: np.ndarray) -> float:
    return float(g @ d) - c
