from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.attacks.base import Examples
from core.attacks.ddn import DDN
from core.models.inference.classifier import predict
from tests.classifiers import LinearClassifier, SmoothClassifier, image


def points(attack: DDN, f: Any, df: Any, clean: np.ndarray) -> np.ndarray:
    classifier = SmoothClassifier(f, df)
    attack.run(classifier, Examples(clean, np.array([0]), np.arange(1), bounds=(-9.0, 9.0)))
    return np.array(classifier.differentiated + classifier.evaluated[-1:]).reshape(attack.steps + 1, 4)


def test_steps_by_hand() -> None:
    # Class 1 where p0 > 0.99: the gradient is along p0. r: 1 -> 1.1, which is adversarial, -> 1.1 * 0.9 -> not.
    found = points(
        DDN(steps=3, gamma=0.1),
        lambda p: p[:, 0] - 0.995,
        lambda p: np.tile([1.0, 0, 0, 0], (len(p), 1)),
        image(0, 0, 0, 0),
    )
    np.testing.assert_allclose(found[:, 0], [0, 1.1, 0.99, 1.089], rtol=1e-6)
    assert not found[:, 1:].any()


def test_the_direction_is_the_sum_of_unit_steps_that_fall_to_a_hundredth() -> None:
    # The gradient turns from p0 to p1 after the first step; nothing is reached, so r grows by 1.5 each time.
    found = points(
        DDN(steps=2, gamma=0.5, initial_norm=0.1, step_size=3.0),
        lambda p: -1 - 0 * p[:, 0],
        lambda p: np.where(p[:, :1] == 0, [[5.0, 0, 0, 0]], [[0, 7.0, 0, 0]]),
        image(0, 0, 0, 0),
    )
    np.testing.assert_allclose(found[1], [0.15, 0, 0, 0], rtol=1e-6)
    second = np.array([0.15, 0.03, 0, 0])
    np.testing.assert_allclose(found[2], 0.225 * second / np.linalg.norm(second), rtol=1e-6)


def test_what_would_leave_the_bounds_is_forgotten() -> None:
    # A step of 0.15 along (3, 4, 0, 0) leads to (1, 0.12, 0, 0), and the next one along the second pixel.
    classifier = SmoothClassifier(
        lambda p: -1 - 0 * p[:, 0], lambda p: np.where(p[:, 1:2] == 0, [[3.0, 4, 0, 0]], [[0.0, 7, 0, 0]])
    )
    attack = DDN(steps=2, gamma=0.5, initial_norm=0.1, step_size=3.0)
    attack.run(classifier, Examples(image(1, 0, 0, 0), np.array([0]), np.arange(1)))
    seen = np.array([*classifier.differentiated, classifier.evaluated[-1]]).reshape(3, 4)
    np.testing.assert_allclose(seen, np.array([[1, 0, 0, 0], [1, 0.12, 0, 0], [1, 0.225, 0, 0]]), rtol=1e-6)


@pytest.mark.parametrize("shape", [(2, 2, 1), (3, 2, 3)])
@given(seed=st.integers(0, 10**6))
def test_it_ends_near_the_closed_form_on_a_linear_model(seed: int, shape: tuple[int, ...]) -> None:
    """Within 1.05 of the distance to the nearest hyperplane, of two classes."""
    rng = np.random.default_rng(seed)
    classifier = LinearClassifier(rng.normal(size=(2, int(np.prod(shape)))), rng.normal(size=2))
    clean = rng.random((3, *shape), np.float32)
    labels = predict(classifier, clean)
    w = classifier.weights[1] - classifier.weights[0]
    z = classifier.logits(clean).astype(np.float64)
    least = np.abs(z[:, 1] - z[:, 0]) / np.linalg.norm(w)
    assume(least.min() > 0.02)  # shorter than what 200 steps shrink the first length to
    found = DDN(steps=200, gamma=0.03).run(classifier, Examples(clean, labels, np.arange(3), bounds=(-50.0, 50.0)))
    size = np.linalg.norm((found.images.astype(np.float64) - clean).reshape(3, -1), axis=1)
    assert (predict(classifier, found.images) != labels).all()
    assert (size <= 1.05 * least + 1e-4).all()
    assert (size >= least - 1e-4).all()
