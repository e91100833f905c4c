"""Targeted Auto-PGD: which classes it turns to, from where, and what few classes leave of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.attacks.apgd import APGD
from core.attacks.apgd_t import APGDT
from core.attacks.base import Examples
from core.attacks.ifgsm import IFGSM
from core.errors import ConfigError
from core.image.pixels import Images
from core.models.inference.classifier import TargetedLoss, predict
from tests.classifiers import SHAPE, LinearClassifier, image

WEIGHTS = np.random.default_rng(2).normal(size=(6, 4))


class Listening(LinearClassifier):
    """Notes the targets, the losses and the points that it is asked for."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.asked: list[tuple[int, TargetedLoss]] = []
        self.points: list[Images] = []

    def towards(
        self, images: Images, labels: NDArray[np.int64], targets: NDArray[np.int64], loss: TargetedLoss
    ) -> tuple[NDArray[np.float32], Images]:
        self.asked += [(int(target), loss) for target in targets]
        self.points += list(images.copy())
        return super().towards(images, labels, targets, loss)


def examples(images: Images, labels: NDArray[np.int64]) -> Examples:
    return Examples(images, labels, np.arange(len(images)))


def middle(classes: int, label: int = 2) -> tuple[Listening, Examples]:
    """One image that the label keeps, with the logits 0, 1, ... of the other classes."""
    bias = np.arange(float(classes))
    bias[label] = 99
    return Listening(WEIGHTS[:classes], bias), examples(image(0.5, 0.5, 0.5, 0.5), np.array([label]))


def test_the_targets_are_the_other_classes_from_the_most_likely_on() -> None:
    classifier, data = middle(6)
    classifier.weights = classifier.weights / 99  # the order of the logits is that of the bias
    found = APGDT(epsilon=0.1, steps=2).run(classifier, data)
    assert classifier.asked == [(target, "dlr") for target in (5, 4, 3, 1, 0) for _ in range(2)]
    assert found.steps.tolist() == [10]
    # A target: the clean image, two steps, the last point and the one that is returned.
    assert (found.forward_passes.tolist(), found.backward_passes.tolist()) == ([25], [10])
    assert APGDT(epsilon=0.1, steps=2, early_stop=False).passes_at_most(6) == (25, 10)
    few = middle(6)
    APGDT(epsilon=0.1, steps=1, n_target_classes=2, restarts=1).run(*few)
    assert [target for target, _ in few[0].asked] == [5, 5, 4, 4]


@pytest.mark.parametrize(("classes", "targets", "loss"), [(2, 1, "margin"), (3, 2, "margin"), (4, 3, "dlr")])
def test_few_classes_leave_fewer_targets_and_the_margin(classes: int, targets: int, loss: str) -> None:
    fitted = APGDT().fitted(classes)
    assert (fitted.n_target_classes, fitted.loss) == (targets, loss)
    classifier, data = middle(classes, label=0)
    APGDT(epsilon=0.1, steps=1).run(classifier, data)
    assert [each for _, each in classifier.asked] == [loss] * targets
    assert APGDT().fitted(10) == APGDT()
    assert APGDT(loss="margin").fitted(10).loss == "margin"


def test_the_untargeted_loss_is_the_margin_for_two_classes() -> None:
    weights = np.array([[1.0, -2.0, 0.5, 0.0], [-1.0, 1.0, 0.0, 0.0]])
    data = examples(image(0.5, 0.5, 0.5, 0.5), np.array([0]))
    two = LinearClassifier(weights, np.array([9.0, 0.0]))
    found = IFGSM(loss="dlr").run(two, data), IFGSM(loss="margin").run(two, data)
    np.testing.assert_array_equal(found[0].images, found[1].images)
    assert IFGSM(loss="dlr").fitted(3).loss == "dlr"


def test_each_target_starts_at_a_random_point_of_its_own() -> None:
    classifier, data = middle(6)
    APGDT(epsilon=0.1, steps=1).run(classifier, data)
    points = np.array(classifier.points).reshape(5, 4)
    assert len(np.unique(points, axis=0)) == 5
    assert (np.abs(points - 0.5) <= 0.1).all()
    assert (np.abs(points - 0.5) > 0.01).any(axis=1).all()
    classifier, data = middle(6)
    APGDT(epsilon=0.1, steps=1, random_start=False).run(classifier, data)
    assert (np.array(classifier.points) == 0.5).all()


def test_towards_one_class_of_a_linear_model_it_ends_in_the_corner() -> None:
    # With a denominator that does not depend on x, dlr grows along w[t] - w[y]; class 4 and 5 are never among the four.
    weights = np.zeros((6, 4))
    weights[1] = [1.0, -2.0, 0.5, 0.0]
    classifier = LinearClassifier(weights, np.array([9.0, 0, 5, 5, -9, -9]))
    data = examples(image(0.5, 0.5, 0.5, 0.5), np.array([0]))
    attack = APGDT(epsilon=0.1, steps=5, random_start=False, n_target_classes=3)
    bias_of_one = classifier.bias.copy()
    bias_of_one[1] = 6  # the most likely, so that it comes first and is delivered
    classifier.bias = bias_of_one
    found = attack.run(classifier, data).images.ravel()
    np.testing.assert_allclose(found, [0.6, 0.4, 0.6, 0.5], atol=1e-7)


def test_it_finds_what_the_cross_entropy_of_saturated_logits_does_not() -> None:
    rng = np.random.default_rng(5)
    images = rng.random((40, *SHAPE), np.float32)
    # e^-1000 and its gradient are zero, also in double precision.
    classifier = LinearClassifier(1e5 * WEIGHTS, batch_size=8)
    data = examples(images, predict(classifier, images))
    common: dict[str, Any] = {"epsilon": 0.2, "steps": 10}
    plain = predict(classifier, APGD(**common).run(classifier, data).images) != data.labels
    ours = predict(classifier, APGDT(**common).run(classifier, data).images) != data.labels
    scaled = LinearClassifier(WEIGHTS, batch_size=8)
    unscaled = predict(scaled, APGDT(**common).run(scaled, data).images) != data.labels
    assert ours.sum() > plain.sum()
    np.testing.assert_array_equal(ours, unscaled)


def test_a_target_of_the_run_is_refused() -> None:
    classifier, data = middle(6)
    targeted = Examples(data.images, data.labels, data.indices, targeted=True)
    with pytest.raises(ConfigError, match="apgd-t without a target"):
        APGDT().run(classifier, targeted)


@given(st.integers(1, 7), st.permutations(range(9)), st.integers(1, 9), st.sampled_from(["linf", "l2"]), st.booleans())
def test_batch_and_company_change_nothing(
    batch_size: int, order: list[int], count: int, norm: Any, early: bool
) -> None:
    images = np.random.default_rng(3).random((9, *SHAPE), np.float32)
    data = examples(images, predict(LinearClassifier(WEIGHTS), images))
    attack = APGDT(norm=norm, epsilon=0.1, steps=4, n_target_classes=2, early_stop=early)
    whole = attack.run(LinearClassifier(WEIGHTS), data)
    rows = np.array(order[:count])
    part = attack.run(LinearClassifier(WEIGHTS, batch_size=batch_size), data.take(rows))
    for name in ("images", "steps", "vanished", "forward_passes", "backward_passes"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[rows])
