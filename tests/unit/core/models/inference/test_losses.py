"""The losses on the difference of logits, of a model whose logits are its input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.attacks.boundary.margins import dlr_scale, margins, margins_towards
from core.models.files.card import ZOO
from core.models.files.loading import load_model
from core.models.inference.batch_invariance import same_sizes
from core.models.inference.classifier import KerasClassifier
from tests.classifiers import LinearClassifier

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (1, 5, 1)


def identity() -> KerasClassifier:
    """Five pixels, which are the logits of five classes."""
    import keras

    return KerasClassifier(keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()]), SHAPE, 4)


def test_dlr_by_hand() -> None:
    # y is class 1, second; the largest other is class 0: (5 - 3) / (5 - 2) = 2/3.
    x, y = np.array([[5, 3, 2, 1, -4]], np.float32).reshape(1, *SHAPE), np.array([1])
    z, gradient = identity().gradient(x, y, "dlr")
    assert margins(z, y) / dlr_scale(z, towards=False) == pytest.approx(2 / 3)
    # d/dz0 = 1/3 - 2/9, d/dz1 = -1/3, d/dz2 = +2/9, as the denominator falls with it.
    np.testing.assert_allclose(gradient.ravel(), [1 / 9, -1 / 3, 2 / 9, 0, 0], atol=1e-6)
    # Where the label is first, the numerator is negative, and the denominator pulls the other way.
    z, gradient = identity().gradient(x, np.array([0]), "dlr")
    np.testing.assert_allclose(gradient.ravel(), [-1 / 3 + 2 / 9, 1 / 3, -2 / 9, 0, 0], atol=1e-6)


def test_dlr_towards_a_class_by_hand() -> None:
    # From class 0 to class 3: (1 - 5) / (5 - (2 + 1) / 2) = -4 / 3.5.
    x, y, t = np.array([[5, 3, 2, 1, -4]], np.float32).reshape(1, *SHAPE), np.array([0]), np.array([3])
    z, gradient = identity().towards(x, y, t, "dlr")
    assert margins_towards(z, y, t) / dlr_scale(z, towards=True) == pytest.approx(-4 / 3.5)
    # N' / D - N D' / D^2, with N / D^2 = -4 / 12.25.
    share = 4 / 12.25
    expected = [-1 / 3.5 + share, 0, -share / 2, 1 / 3.5 - share / 2, 0]
    np.testing.assert_allclose(gradient.ravel(), expected, atol=1e-6)
    _, gradient = identity().towards(x, y, t, "margin")
    np.testing.assert_array_equal(gradient.ravel(), [-1, 0, 0, 1, 0])


def test_equal_logits_give_finite_gradients() -> None:
    x, y, t = np.full((2, *SHAPE), 0.5, np.float32), np.array([0, 1]), np.array([3, 4])
    assert np.isfinite(identity().gradient(x, y, "dlr")[1]).all()
    assert np.isfinite(identity().towards(x, y, t, "dlr")[1]).all()


@pytest.mark.parametrize("loss", ["margin", "dlr"])
def test_they_are_those_of_the_linear_classifier_of_the_tests(loss: Any) -> None:
    import keras

    rng = np.random.default_rng(1)
    weights, x = rng.normal(size=(6, 5)), rng.random((4, *SHAPE), np.float32)
    y, t = np.array([0, 1, 2, 3]), np.array([5, 0, 1, 4])
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(6, use_bias=False)])
    model.layers[-1].set_weights([weights.T.astype(np.float32)])
    ours, linear = KerasClassifier(model, SHAPE, 4), LinearClassifier(weights)
    for found, expected in zip(ours.towards(x, y, t, loss), linear.towards(x, y, t, loss), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    for found, expected in zip(ours.gradient(x, y, loss), linear.gradient(x, y, loss), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", ["margin", "dlr"])
def test_the_sizes_that_settle_for_the_gradient_give_the_same_bits_here(loss: Any) -> None:
    shape = (28, 28, 1)
    classifier = KerasClassifier(load_model(ZOO / "cnn.keras"), shape, 64)
    sizes = same_sizes(classifier, shape)
    x = np.random.default_rng(1).random((64, *shape), np.float32)
    y, t = np.arange(64) % 10, (np.arange(64) + 1 + np.arange(64) % 9) % 10
    whole = classifier.towards(x, y, t, loss)
    classifier.sizes = sizes
    order = np.random.default_rng(2).permutation(64)
    for size in sizes:
        for rows in (order[:size], order[-size:]):
            for found, wanted in zip(classifier.towards(x[rows], y[rows], t[rows], loss), whole, strict=True):
                np.testing.assert_array_equal(found, wanted[rows])


def test_the_margin_towards_a_class_is_exact_where_gradients_are_in_bfloat16() -> None:
    shape = (28, 28, 1)
    model = load_model(ZOO / "cnn.keras")
    full, half = (KerasClassifier(model, shape, 8, precision=each) for each in ("float32", "bfloat16"))
    x, y = np.random.default_rng(1).random((8, *shape), np.float32), np.arange(8)
    for found, wanted in zip(half.towards(x, y, y + 1, "margin"), full.towards(x, y, y + 1, "margin"), strict=True):
        np.testing.assert_array_equal(found, wanted)
