from __future__ import annotations

import numpy as np

from core.attacks.base import Examples
from core.attacks.sigma_zero import SigmaZero
from core.models.inference.classifier import predict
from tests.classifiers import LinearClassifier, SmoothClassifier, image


def test_steps_by_hand() -> None:
    # Class 1 where p0 > 0.4. From 0, eta = 1: h / max = (1, 0.1, 0, 0), so d = (1, 0.1) and the threshold
    # 0.3 - 0.01 drops p1. There the goal is reached: h = -2 d sigma / (d^2 + sigma)^2 / 4 is negative at p0 alone.
    # The last step, of eta = 0.1, leads to 0.9, above the threshold of 0.29 + 0.001.
    classifier = SmoothClassifier(lambda p: p[:, 0] - 0.4, lambda p: np.tile([1.0, 0.1, 0, 0], (len(p), 1)))
    SigmaZero(steps=2).run(classifier, Examples(image(0, 0, 0, 0), np.array([0]), np.arange(1)))
    seen = np.array(classifier.differentiated + classifier.evaluated[-1:]).reshape(3, 4)
    np.testing.assert_allclose(seen, np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0.9, 0, 0, 0]]), atol=1e-6)


def test_away_from_the_goal_the_count_pulls_against_the_margin() -> None:
    # The first step, of eta = 1, leads to (1, 0.5). There, with sigma = 0.1, 2 d sigma / (d^2 + sigma)^2 / 4 is
    # 0.2 / 1.21 / 4 = 0.041322 and 0.1 / 0.1225 / 4 = 0.204082, so h = (0.958678, 0.295918), and the second pixel takes
    # 0.308673 of the second step, of eta = 0.1.
    classifier = SmoothClassifier(lambda p: p[:, 0] - 9, lambda p: np.tile([1.0, 0.5, 0, 0], (len(p), 1)))
    SigmaZero(steps=2, sigma=0.1).run(classifier, Examples(image(0, 0, 0, 0), np.array([0]), np.arange(1)))
    np.testing.assert_allclose(classifier.evaluated[-1].ravel(), [1, 0.5308673, 0, 0], atol=1e-6)


def test_a_threshold_above_a_change_drops_it() -> None:
    classifier = SmoothClassifier(lambda p: p[:, 0] - 9, lambda p: np.tile([1.0, 0.5, 0, 0], (len(p), 1)))
    SigmaZero(steps=1, threshold=0.6, threshold_step=0).run(
        classifier, Examples(image(0, 0, 0, 0), np.array([0]), np.arange(1))
    )
    np.testing.assert_allclose(classifier.evaluated[-1].ravel(), [1, 0, 0, 0], atol=1e-6)


def test_it_finds_the_fewest_values_on_a_linear_model() -> None:
    # Class 1 where w p > w clean + 1.5. Pixels can rise by 0.5 each: w = 4 and w = 2 together give 3.
    # One alone gives 2 (enough), none of the others does.
    weights = np.array([[0.0] * 12, [4.0, 2.0, 1.0] + [0.5] * 9])
    clean = np.full((1, 3, 4, 1), 0.5, np.float32)
    for needed, fewest in ((1.5, 1), (2.5, 2), (3.3, 3)):
        classifier = LinearClassifier(weights, np.array([0.0, -weights[1].sum() / 2 - needed]))
        found = SigmaZero(steps=300).run(classifier, Examples(clean, np.array([0]), np.arange(1)))
        assert predict(classifier, found.images).tolist() == [1]
        assert (found.images != clean).sum() == fewest
