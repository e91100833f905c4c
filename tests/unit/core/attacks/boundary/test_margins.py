"""The margins that step back is given are those of the model at both ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.attacks import advgan
from core.attacks.base import Examples
from core.attacks.boundary import blend
from core.attacks.boundary.blend import least_blend
from core.attacks.boundary.margins import margins
from core.attacks.boundary.step_back import SteppedBack
from core.attacks.gradient import attack as engine
from core.attacks.mifgsm import MIFGSM
from core.image.pixels import Images
from core.models.inference.classifier import predict
from tests.classifiers import SHAPE, LinearClassifier


class Told:
    """Stands for ``step_back``: keeps what it is called with."""

    examples: Examples
    far: Images
    margins: Images

    def __call__(self, _: Any, examples: Examples, far: Images, __: int, margins: Images) -> SteppedBack:
        self.examples, self.far, self.margins = examples, far, margins
        return SteppedBack(far, np.zeros(len(far), np.int64))


def model_and_images(seed: int) -> tuple[LinearClassifier, Images]:
    """Of the images, some are of each class."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(3, 4))
    return LinearClassifier(weights, -weights.sum(axis=1) / 2, 4), rng.random((9, *SHAPE), np.float32)


def test_a_margin_is_the_lead_of_the_best_other_class() -> None:
    logits = np.array([[3, 1, 2], [0, 5, 1]], np.float32)
    assert margins(logits, np.array([2, 1])).tolist() == [1.0, -4.0]


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("early_stop", [False, True])
@pytest.mark.parametrize("restarts", [0, 2])
@pytest.mark.parametrize("random_start", [False, True])
@given(st.integers(0, 20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_of_gradient_attacks(
    monkeypatch: pytest.MonkeyPatch, targeted: bool, early_stop: bool, restarts: int, random_start: bool, seed: int
) -> None:
    classifier, images = model_and_images(seed)
    predicted = predict(classifier, images)
    labels = (predicted + 1) % 3 if targeted else predicted
    told = Told()
    monkeypatch.setattr(engine, "step_back", told)
    attack = MIFGSM(epsilon=0.3, steps=4, early_stop=early_stop, restarts=restarts, random_start=random_start)
    attack.run(classifier, Examples(images, labels, np.arange(9), targeted=targeted))
    data = told.examples
    assert len(told.far)
    np.testing.assert_array_equal(told.margins[1], data.margins(classifier.logits(told.far)))
    if random_start:
        assert np.isnan(told.margins[0]).all()
    else:
        np.testing.assert_array_equal(told.margins[0], data.margins(classifier.logits(data.images)))


def test_of_a_blend(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, images = model_and_images(0)
    told = Told()
    monkeypatch.setattr(blend, "step_back", told)
    others = images[::-1].copy()
    data = Examples(images, predict(classifier, images), np.arange(9))
    least_blend(classifier, data, others, np.zeros(9), 8)
    rows = np.flatnonzero(predict(classifier, others) != data.labels)
    assert 0 < len(rows) < 9
    np.testing.assert_array_equal(told.far, others[rows])
    np.testing.assert_array_equal(told.margins[1], told.examples.margins(classifier.logits(told.far)))
    assert np.isnan(told.margins[0]).all()


def test_of_advgan(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, images = model_and_images(0)
    told = Told()
    monkeypatch.setattr(advgan, "step_back", told)
    labels = predict(classifier, images)
    labels[0] = (labels[0] + 1) % 3  # misclassified from the start: left alone

    def moved(_: Any, examples: Examples) -> tuple[np.ndarray, np.ndarray]:
        return np.roll(examples.images, 1, axis=0), np.zeros(len(examples.images), bool)

    monkeypatch.setattr(advgan.AdvGAN, "moved", moved)
    advgan.AdvGAN().run(classifier, Examples(images, labels, np.arange(9)))
    data = told.examples
    assert 0 < len(data.images) < 8
    for margin, each in zip(told.margins, (data.images, told.far), strict=True):
        np.testing.assert_array_equal(margin, data.margins(classifier.logits(each)))
