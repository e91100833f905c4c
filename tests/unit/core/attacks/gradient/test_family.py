"""What all gradient attacks have in common: norms, targets, schedules, restarts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.attacks.base import Examples
from core.attacks.fgsm import FGSM
from core.attacks.gradient.norms import L2
from core.attacks.ifgsm import IFGSM
from core.attacks.mifgsm import MIFGSM
from core.models.inference.classifier import predict
from tests.classifiers import SHAPE, LinearClassifier, ScriptedClassifier, image

BOUNDS = [(0.0, 1.0), (0.0, 255.0), (-1.0, 1.0)]


def examples(images: np.ndarray, labels: Any, **more: Any) -> Examples:
    return Examples(images, np.asarray(labels), np.arange(len(images)), **more)


def test_fast_gradient_in_l2_is_the_closed_form_on_a_linear_model() -> None:
    classifier = LinearClassifier(np.array([[1.0, -2.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]]), np.array([2.0, 0.0]))
    clean = image(0.5, 0.5, 0.5, 0.5)
    attacked = FGSM(norm="l2", epsilon=0.3, step_back=0).run(classifier, examples(clean, [0]))
    # Along -(1, -2, 2, 0) / 3; the default step would be 1.5 epsilon, and is cut to the ball.
    np.testing.assert_allclose(attacked.images.ravel(), [0.4, 0.7, 0.3, 0.5], atol=1e-5)


@given(
    arrays(np.float32, (3, 5, 4, 3), elements=st.floats(0, 1, width=32)),
    st.floats(1e-3, 4),
    st.sampled_from(BOUNDS),
    st.booleans(),
)
def test_the_l2_ball_and_the_bounds_are_never_left(
    unit: np.ndarray, share: float, bounds: tuple[float, float], start: bool
) -> None:
    low, high = bounds
    clean = np.clip(np.float32(low) + unit * np.float32(high - low), np.float32(low), np.float32(high))
    rng = np.random.default_rng(1)
    classifier = LinearClassifier(rng.normal(size=(3, 60)), rng.normal(size=3))
    epsilon = share * (high - low)
    attack = MIFGSM(norm="l2", epsilon=epsilon, steps=4, random_start=start, early_stop=False, step_back=0)
    result = attack.run(classifier, examples(clean, predict(classifier, clean), bounds=bounds)).images
    change = result.astype(np.float64) - clean
    assert np.sqrt((change**2).sum(axis=(1, 2, 3))).max() <= epsilon
    assert result.min() >= low
    assert result.max() <= high


def test_projection_keeps_what_is_inside_and_shortens_the_rest() -> None:
    clean = np.full((2, 1, 2, 1), 0.5, np.float32)
    moved = clean + np.array([[[[0.03], [0.04]]], [[[0.3], [0.4]]]], np.float32)
    found = L2().project(moved.copy(), (clean,), 0.1, (0.0, 1.0)) - clean
    np.testing.assert_allclose(found.reshape(2, 2), [[0.03, 0.04], [0.06, 0.08]], atol=1e-6)


def test_a_point_of_the_l2_ball_is_drawn_uniformly() -> None:
    rng = np.random.default_rng(0)
    lengths = np.array([np.linalg.norm(L2().draw(rng, (2, 2, 1), 2.0)) for _ in range(4000)])
    assert lengths.max() <= 2
    # In four dimensions, the share within r is (r / 2)^4.
    for share in (0.1, 0.5, 0.9):
        assert abs(np.mean((lengths / 2) ** 4 <= share) - share) < 0.03


def test_the_default_epsilon_goes_by_the_norm() -> None:
    assert MIFGSM().epsilon == 20 / 255
    assert MIFGSM(norm="l2").epsilon == 1.5
    assert MIFGSM(norm="l2", epsilon=0.5).epsilon == 0.5


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
def test_a_targeted_step_goes_towards_the_target(loss: Any) -> None:
    # The logits of three classes: minus the pixel, the pixel, and nothing.
    weights = np.array([[-1.0, 0, 0, 0], [1.0, 0, 0, 0], [0, 0, 0, 0]])
    classifier = LinearClassifier(weights, np.array([1.0, -0.3, 0.0]))
    clean = image(0.2, 0.5, 0.5, 0.5)
    attack = IFGSM(epsilon=0.6, steps=10, step_size=0.06, loss=loss, step_back=0)
    towards = attack.run(classifier, examples(clean, [1], targeted=True))
    # Class 1 wins over class 0 from 0.65 on, and over class 2 from 0.3 on: eight steps from 0.2.
    np.testing.assert_allclose(towards.images.ravel(), [0.68, 0.5, 0.5, 0.5], atol=1e-5)
    assert towards.steps.tolist() == [8]
    assert predict(classifier, towards.images).tolist() == [1]
    away = attack.run(classifier, examples(clean, [1])).images
    np.testing.assert_array_equal(away, clean)


def test_a_target_that_is_predicted_already_is_left_alone() -> None:
    classifier = LinearClassifier(np.array([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]]))
    clean = image(0.5, 0.5, 0.5, 0.5)
    attacked = MIFGSM().run(classifier, examples(clean, [0], targeted=True))
    np.testing.assert_array_equal(attacked.images, clean)
    assert attacked.steps.tolist() == [0]


def test_a_targeted_attack_steps_back_while_the_target_is_predicted() -> None:
    classifier = LinearClassifier(np.array([[1.0, 0, 0, 0], [0, 0, 0, 0]]), np.array([-0.5, 0.0]))
    clean = image(0.4, 0.5, 0.5, 0.5)
    attack = IFGSM(epsilon=0.4, steps=1, step_size=0.4, step_back=10)
    found = attack.run(classifier, examples(clean, [0], targeted=True)).images
    assert 0.5 <= found[0, 0, 0, 0] <= 0.5 + 0.4 / 2**9


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [("constant", [1, 1, 1, 1]), ("linear", [1, 0.75, 0.5, 0.25]), ("cosine", [1, 0.853553, 0.5, 0.146447])],
)
def test_the_steps_follow_the_schedule(schedule: Any, shares: list[float]) -> None:
    given = IFGSM(steps=4, step_size=0.02, epsilon=0.5, schedule=schedule)
    np.testing.assert_allclose(given.step_lengths(), 0.02 * np.array(shares), rtol=1e-5)
    derived = IFGSM(steps=4, epsilon=0.5, schedule=schedule)
    np.testing.assert_allclose(derived.step_lengths().sum(), 0.75, rtol=1e-6)
    ahead = ScriptedClassifier(lambda pixels: np.ones(SHAPE, np.float32))
    moved = given.run(ahead, examples(image(0, 0, 0, 0), [0])).images
    np.testing.assert_allclose(moved, 0.02 * sum(shares), rtol=1e-5)


def wells() -> ScriptedClassifier:
    """A gradient that leads to 0.2 from below 0.5, and to 0.8 from above, where the class changes."""

    class Wells(ScriptedClassifier):
        def logits(self, images: np.ndarray) -> np.ndarray:
            there = images[:, 0, 0, 0] > 0.75
            return np.where(there[:, None], [[0, 1]], [[1, 0]]).astype(np.float32)

    return Wells(lambda pixels: (np.where(pixels > 0.5, 0.8, 0.2) - pixels).astype(np.float32))


def test_a_restart_is_for_those_who_withstood_and_is_kept_where_it_helps() -> None:
    clean = np.full((12, *SHAPE), 0.4, np.float32)
    attack = IFGSM(epsilon=0.4, steps=12, step_size=0.05, step_back=0)
    once = attack.run(wells(), examples(clean, np.zeros(12, int)))
    assert not predict(wells(), once.images).any()
    again = attack.model_copy(update={"restarts": 1}).run(wells(), examples(clean, np.zeros(12, int)))
    flipped = predict(wells(), again.images) == 1
    assert 0 < flipped.sum() < 12
    np.testing.assert_array_equal(again.images[~flipped], once.images[~flipped])
    assert set(again.steps[~flipped]) == {24}
    assert set(again.steps[flipped]) <= set(range(12, 25))
    # Further tries start elsewhere, and leave alone what the first ones did.
    more = attack.model_copy(update={"restarts": 6}).run(wells(), examples(clean, np.zeros(12, int)))
    np.testing.assert_array_equal(more.images[flipped], again.images[flipped])
    assert (predict(wells(), more.images) == 1).sum() > flipped.sum()


@given(st.integers(1, 7), st.permutations(range(9)), st.integers(1, 9), st.sampled_from(["linf", "l2"]), st.booleans())
def test_batch_and_company_change_nothing(
    batch_size: int, order: list[int], count: int, norm: Any, targeted: bool
) -> None:
    rng = np.random.default_rng(3)
    weights, bias = rng.normal(size=(4, 4)), rng.normal(size=4)
    images, labels = rng.random((9, *SHAPE), np.float32), rng.integers(0, 4, 9)
    data = examples(images, labels, targeted=targeted)
    attack = MIFGSM(norm=norm, epsilon=0.4, steps=4, restarts=2, schedule="cosine", step_back=3)
    whole = attack.run(LinearClassifier(weights, bias, 4), data)
    rows = np.array(order[:count])
    part = attack.run(LinearClassifier(weights, bias, batch_size), data.take(rows))
    np.testing.assert_array_equal(part.images, whole.images[rows])
    np.testing.assert_array_equal(part.steps, whole.steps[rows])
