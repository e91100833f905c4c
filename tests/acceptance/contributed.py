"""What CONTRIBUTING.md says of its attacks, checked by test_contributing.py in a tree that has them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from core.attacks.base import Attacked, Examples
from core.models.inference.classifier import predict
from core.registry import ATTACKS
from tests.classifiers import LinearClassifier

COUNT, SHAPE = 60, (5, 5, 1)
SIZE = 25
RNG = np.random.default_rng(0)
IMAGES = RNG.random((COUNT, *SHAPE), np.float32)
WEIGHTS = RNG.normal(size=(2, SIZE))
# Of an image without contrast this classifier sees the bias alone.
CLASSIFIER = LinearClassifier(WEIGHTS - WEIGHTS.mean(axis=1, keepdims=True), np.array([0.0, 0.1]))


def attacked(name: str, levels: int | None = None, **params: float) -> Attacked:
    examples = Examples(IMAGES, predict(CLASSIFIER, IMAGES), np.arange(COUNT), levels=levels)
    result: Attacked = ATTACKS[name](**params).run(CLASSIFIER, examples)
    return result


def changed(result: Attacked) -> NDArray[np.int64]:
    return (result.images != IMAGES).reshape(COUNT, -1).sum(axis=1)


@pytest.mark.parametrize("share", [0.04, 0.2, 0.6, 1.0])
def test_sparse_changes_its_share_of_the_values(share: float) -> None:
    """The gradient of a linear classifier is the same everywhere, so all steps change the same values."""
    result = attacked("sparse", share=share, early_stop=False, step_back=0, steps=3, epsilon=0.3)
    weights = np.abs(CLASSIFIER.weights[0] - CLASSIFIER.weights[1])
    expected = set(np.argsort(weights)[SIZE - round(share * SIZE) :].tolist())
    for clean, image in zip(IMAGES, result.images, strict=True):
        assert set(np.flatnonzero(clean != image).tolist()) <= expected
    assert changed(result).max() == round(share * SIZE)


def test_contrast_finds_the_boundary() -> None:
    """The margin f is linear in the amount a: it vanishes at f(x) / (f(x) - f(mean))."""
    steps = 12
    result = attacked("contrast", steps=steps)
    direction, bias = CLASSIFIER.weights[0] - CLASSIFIER.weights[1], CLASSIFIER.bias[0] - CLASSIFIER.bias[1]
    flat = IMAGES.reshape(COUNT, -1).astype(float)
    margin, grey = flat @ direction + bias, np.full(COUNT, bias)
    flips = margin * grey < 0
    assert 0 < flips.sum() < COUNT
    np.testing.assert_array_equal(changed(result) > 0, flips)
    np.testing.assert_array_equal(result.forward_passes, 1 + steps * flips)
    assert not result.backward_passes.any()
    assert (predict(CLASSIFIER, result.images)[flips] != predict(CLASSIFIER, IMAGES)[flips]).all()
    found = 1 - np.ptp(result.images.reshape(COUNT, -1), axis=1) / np.ptp(flat, axis=1)
    optimum = margin / (margin - grey)
    assert (found - optimum)[flips].min() > -1e-5
    assert (found - optimum)[flips].max() < 2.0**-steps + 1e-5


def test_contrast_gets_closer_with_each_bisection() -> None:
    distances = [np.abs(attacked("contrast", steps=steps).images - IMAGES).max(axis=(1, 2, 3)) for steps in (1, 3, 9)]
    for coarse, fine in pairwise(distances):
        assert (fine <= coarse).all()
        assert (fine < coarse).any()


def test_contrast_stays_on_the_levels() -> None:
    result = attacked("contrast", levels=255)
    rows = changed(result) > 0
    np.testing.assert_allclose(result.images[rows] * 255, np.rint(result.images[rows] * 255), atol=1e-4)
    assert (predict(CLASSIFIER, result.images)[rows] != predict(CLASSIFIER, IMAGES)[rows]).all()
