from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.attacks.base import Examples
from core.attacks.gradient import loop
from core.attacks.gradient.flip_prediction import probably_flipped
from core.attacks.mifgsm import MIFGSM
from core.models.inference.classifier import Loss, predict
from tests.classifiers import LinearClassifier


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
@pytest.mark.parametrize("targeted", [False, True])
@given(st.floats(-3, 3), st.floats(-4, 4))
def test_on_two_classes_the_margin_is_followed_exactly(
    loss: Loss, targeted: bool, margin: float, change: float
) -> None:
    # The margin grows by ``change``; what that does to the loss to first order is known in closed form.
    logits = np.array([[0.3, 0.3 + margin]], np.float32)
    sign = -1 if targeted else 1
    other = 1 / (1 + np.exp(-float(logits[0, 1] - logits[0, 0])))
    gain = sign * change * (other if loss == "cross_entropy" else 1)
    found = probably_flipped(logits, np.array([0]), targeted=targeted, loss=loss, gain=np.array([gain], np.float32))
    ahead = sign * (margin + 0.8 * change)
    if abs(ahead) > 1e-4:
        assert found.tolist() == [ahead > 0]


def test_it_holds_for_each_image_by_itself() -> None:
    logits = np.array([[2, 0, 1], [0, 5, 1], [1, 1, 3]], np.float32)
    labels = np.array([0, 1, 2])
    # Margins -1, -4, -2; on the margin itself the gain counts in full, but for its share.
    found = probably_flipped(logits, labels, targeted=False, loss="margin", gain=np.array([1.3, 4.9, 2.6], np.float32))
    assert found.tolist() == [True, False, True]


def test_a_saturated_prediction_and_a_gradient_of_nothing_are_no_guess() -> None:
    logits = np.array([[0, 500], [500, 0]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        found = probably_flipped(
            logits, np.array([1, 0]), targeted=False, loss="cross_entropy", gain=np.zeros(2, np.float32)
        )
    assert found.tolist() == [False, False]


@given(st.integers(1, 5), st.integers(0, 3))
def test_what_is_guessed_changes_nothing_but_the_passes(batch_size: int, guess: int) -> None:
    rng = np.random.default_rng(7)
    weights, bias = rng.normal(size=(3, 4)), rng.normal(size=3)
    images = rng.random((11, 2, 2, 1), np.float32)

    def guessed(*_: Any, **__: Any) -> np.ndarray:
        return np.arange(len(_[1])) % 3 < guess  # none, some falsely, all

    def run(with_guess: bool) -> Any:
        classifier = LinearClassifier(weights, bias, batch_size)
        examples = Examples(images, predict(classifier, images), np.arange(11))
        with pytest.MonkeyPatch.context() as patch:
            if with_guess:
                patch.setattr(loop, "probably_flipped", guessed)
            return MIFGSM(epsilon=0.3, steps=6).run(classifier, examples)

    one, other = run(False), run(True)
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.steps, other.steps)
    np.testing.assert_array_equal(one.vanished, other.vanished)


def test_it_saves_gradients() -> None:
    rng = np.random.default_rng(8)
    classifier = LinearClassifier(rng.normal(size=(2, 4)), None, 8)
    images = rng.random((200, 2, 2, 1), np.float32)
    examples = Examples(images, predict(classifier, images), np.arange(200))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "probably_flipped", lambda *given, **_: np.zeros(len(given[1]), bool))
        steps = MIFGSM(epsilon=0.5, step_back=0).run(classifier, examples).steps
        without = classifier.passes
    classifier.passes = 0
    MIFGSM(epsilon=0.5, step_back=0).run(classifier, examples)
    # A linear margin of two classes is predicted, but for steps that end at the bounds or near the boundary.
    flipped = int((steps < 10).sum())
    assert without - classifier.passes >= 0.6 * flipped / 8


def test_of_the_ratio_of_logits_the_margin_is_followed_by_its_scale() -> None:
    # Margin 3 - 5 = -2 over 5 - 1 = 4; towards class 2: 1 - 5 = -4 over 5 - (1 + 0) / 2 = 4.5.
    logits, label, towards = np.array([[5, 3, 1, 0]], np.float32), np.array([0]), np.array([2])
    for margin, scale, where in ((2, 4, None), (4, 4.5, towards)):
        for share, expected in ((0.9, False), (1.1, True)):
            gain = np.array([share * margin / 0.8 / scale], np.float32)
            found = probably_flipped(logits, label, targeted=False, loss="dlr", gain=gain, towards=where)
            assert found.tolist() == [expected]
