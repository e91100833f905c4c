"""What the hooks of a gradient attack are given, and what becomes of what they return."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.attacks.base import Attacked, Examples
from core.attacks.boundary.margins import log_odds, margins
from core.attacks.gradient.attack import GradientAttack
from core.attacks.gradient.iterate import Iterate, State
from core.attacks.gradient.objective import Objective
from core.attacks.ifgsm import IFGSM
from core.image.pixels import Images
from core.models.inference.classifier import Loss, predict
from tests.classifiers import SHAPE, LinearClassifier, ScriptedClassifier, SmoothClassifier, image

RNG = np.random.default_rng(4)
WEIGHTS, BIAS = RNG.normal(size=(3, 4)), RNG.normal(size=3)
IMAGES = RNG.random((11, *SHAPE), np.float32)


def linear(batch_size: int = 4) -> LinearClassifier:
    return LinearClassifier(WEIGHTS, BIAS, batch_size)


def examples(images: Images = IMAGES) -> Examples:
    return Examples(images, predict(linear(), images), np.arange(len(images)))


def run(attack: GradientAttack, batch_size: int = 4) -> Attacked:
    return attack.run(linear(batch_size), examples())


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
@pytest.mark.parametrize("targeted", [False, True])
def test_what_is_known_of_an_iterate(loss: Loss, targeted: bool) -> None:
    sign, before = -1 if targeted else 1, dict[int, Images]()
    data = Examples(IMAGES, (predict(linear(), IMAGES) + targeted) % 3, np.arange(11), targeted=targeted)

    class Watching(IFGSM):
        """Compares every iterate with what can be told from outside."""

        def update(self, at: Iterate) -> tuple[Images, State]:
            labels, z = data.labels[at.rows], linear().logits(at.x)
            np.testing.assert_array_equal(at.clean, data.images[at.rows])
            np.testing.assert_array_equal(at.logits, z)
            np.testing.assert_array_equal(at.margin, sign * margins(z, labels))
            np.testing.assert_array_equal(at.reached, (z.argmax(axis=1) == labels) == targeted)
            exact = z.astype(float)
            own = exact[np.arange(len(z)), labels]
            expected = np.log(np.exp(exact).sum(axis=1)) - own if loss == "cross_entropy" else margins(z, labels)
            np.testing.assert_allclose(at.loss, sign * expected, atol=1e-6)
            np.testing.assert_allclose(at.step_size.ravel(), self.step_lengths()[at.step])
            for place, row in enumerate(at.rows):
                np.testing.assert_array_equal(at.last[place], before.get(int(row), at.x[place]))
                before[int(row)] = at.x[place].copy()
            # The gradient is that of the loss: a small step along it gains its length times the step's.
            length = np.linalg.norm(at.gradient.reshape(len(z), -1), axis=1)
            ahead = at.x + np.float32(1e-2) * at.gradient / length.astype(np.float32)[:, None, None, None]
            gain = at.objective.values(linear().logits(ahead), at.rows) - at.loss
            np.testing.assert_allclose(gain, 1e-2 * length, rtol=0.2)
            return super().update(at)

    Watching(epsilon=0.3, steps=4, loss=loss, schedule="linear", step_back=0).run(linear(), data)
    assert set(before) == set(range(11))


def test_the_loss_does_not_saturate() -> None:
    logits = np.array([[60, 0, 0], [0, 60, 0]], np.float32)
    np.testing.assert_allclose(log_odds(logits, np.array([0, 0])), [60 - np.log(2), -60], rtol=1e-12)
    data = Examples(IMAGES[:2], np.array([0, 0]), np.arange(2))
    objective = Objective(linear(), data, "cross_entropy", Attacked.start(data.images))
    np.testing.assert_allclose(objective.values(logits, np.arange(2)), [2 * np.exp(-60), 60], rtol=1e-6)


class Remembering(GradientAttack):
    """Steps by what it remembers alone; the arrays have shapes of their own, and one of them never changes."""

    def init_state(self, clean: Images) -> State:
        return {
            "count": np.zeros(len(clean), np.int64),
            "pair": np.repeat(clean[:, 0, 0, 0][:, None, None], 6, axis=1).reshape(-1, 2, 3),
            "first": clean,
        }

    def direction(self, at: Iterate) -> tuple[Images, State]:
        np.testing.assert_array_equal(at.state["count"], at.step)
        np.testing.assert_array_equal(at.state["first"], at.clean)
        np.testing.assert_allclose(at.state["pair"][:, 1, 2], at.clean[:, 0, 0, 0] + at.step, rtol=1e-6)
        return at.gradient, {"count": at.state["count"] + 1, "pair": at.state["pair"].astype(np.float64) + 1}


@given(st.integers(1, 13), st.booleans())
def test_a_state_stays_with_its_image(batch_size: int, early_stop: bool) -> None:
    found = run(Remembering(epsilon=0.3, steps=6, early_stop=early_stop), batch_size)
    plain = run(IFGSM(epsilon=0.3, steps=6, early_stop=early_stop))
    np.testing.assert_array_equal(found.images, plain.images)
    assert not early_stop or len(set(found.steps)) > 2  # they leave and join the batch at different times


class Returning(GradientAttack):
    """Goes to where it remembers: the array itself, which stays in its state."""

    def init_state(self, clean: Images) -> State:
        return {"home": clean + np.float32(0.1)}

    def update(self, at: Iterate) -> tuple[Images, State]:
        np.testing.assert_array_equal(at.x, at.clean + np.float32(0.1) * (at.step > 0)[:, None, None, None])
        np.testing.assert_array_equal(at.state["home"], at.clean + np.float32(0.1))
        return at.state["home"], {}


@given(st.integers(1, 13))
def test_an_attack_may_return_what_it_remembers(batch_size: int) -> None:
    clean = IMAGES / np.float32(2)
    ahead = ScriptedClassifier(lambda pixels: np.ones(SHAPE, np.float32), batch_size)
    found = Returning(epsilon=0.5, steps=3, step_back=0).run(ahead, examples(clean))
    np.testing.assert_array_equal(found.images, clean + np.float32(0.1))


class Averaging(GradientAttack):
    """The mean of the gradients at three points around x."""

    def gradient(self, at: Iterate) -> Images:
        return np.mean([at.differentiate(at.x + np.float32(shift)) for shift in (-0.2, 0.1, 0.4)], axis=0)


def test_a_gradient_can_be_taken_at_several_points() -> None:
    # Of f = x^2 - 1 the mean of the gradients is that at x + 0.1, which is negative below -0.1 and else positive.
    classifier = SmoothClassifier(lambda x: x[:, 0] ** 2 - 9, lambda x: 2 * x * [[1.0, 0, 0, 0]])
    starts = np.array([-0.3, -0.15, -0.05, 0.3], np.float32)
    clean = np.concatenate([image(start, 0, 0, 0) for start in starts])
    data = Examples(clean, np.zeros(4, np.int64), np.arange(4), bounds=(-1.0, 1.0))
    found = Averaging(epsilon=0.02, steps=1, step_size=0.02, loss="margin").run(classifier, data)
    moved = found.images[:, 0, 0, 0] - starts
    np.testing.assert_allclose(moved, [-0.02, -0.02, 0.02, 0.02], atol=1e-6)
    np.testing.assert_array_equal(found.backward_passes, 3)
    np.testing.assert_array_equal(found.forward_passes, 3 + 1 + 1)  # the iterate for the early stop, and the last point


@given(st.integers(1, 13))
def test_the_early_stop_judges_the_iterate_wherever_the_gradient_is_taken(batch_size: int) -> None:
    class Elsewhere(GradientAttack):
        """The gradient of a linear model is the same, up to its length, at a point that has long been flipped."""

        def gradient(self, at: Iterate) -> Images:
            return at.differentiate(1 - at.x)

    weights = np.array([[1.0, 2, -1, 0.5], [-1, 0, 1, 1]])
    classifier = LinearClassifier(weights, np.array([0.2, 0]), batch_size)
    data = Examples(IMAGES, predict(classifier, IMAGES), np.arange(11))
    attack = {"epsilon": 0.3, "steps": 7, "loss": "margin"}
    plain, elsewhere = IFGSM(**attack).run(classifier, data), Elsewhere(**attack).run(classifier, data)
    np.testing.assert_array_equal(elsewhere.steps, plain.steps)
    np.testing.assert_array_equal(elsewhere.images, plain.images)
    assert (plain.steps < 7).sum() > 0


def test_step_sizes_can_be_each_images_own() -> None:
    class Own(GradientAttack):
        """As long as the first pixel."""

        def update(self, at: Iterate) -> tuple[Images, State]:
            return at.ascend(at.gradient, at.clean[:, :1, :1, :1] / 10), {}

    clean = np.concatenate([image(start, 0, 0, 0) for start in (0.1, 0.2, 0.9)])
    ahead = ScriptedClassifier(lambda pixels: np.ones(SHAPE, np.float32))
    found = Own(epsilon=0.2, steps=2, step_back=0).run(ahead, Examples(clean, np.zeros(3, np.int64), np.arange(3)))
    np.testing.assert_allclose(found.images[:, 1, 0, 0], [0.02, 0.04, 0.18], atol=1e-6)


def test_the_next_point_is_projected() -> None:
    class Far(GradientAttack):
        """Far out."""

        def update(self, at: Iterate) -> tuple[Images, State]:
            return at.x + np.float32(7), {}

    found = run(Far(epsilon=0.25, steps=1, step_back=0))
    np.testing.assert_allclose(found.images, np.minimum(IMAGES + 0.25, 1), atol=1e-6)


class Nearest(IFGSM):
    """Delivers the first point, whatever came after it."""

    keeps_best: ClassVar[bool] = True

    def best(self, at: Iterate) -> Images:
        assert (at.step == self.steps).all()
        return at.clean


@given(st.integers(1, 13), st.booleans())
def test_an_earlier_point_is_delivered_where_all_steps_are_used(batch_size: int, early_stop: bool) -> None:
    attack = {"epsilon": 0.3, "steps": 4, "early_stop": early_stop, "step_back": 0}
    found, plain = run(Nearest(**attack), batch_size), run(IFGSM(**attack))
    reached = predict(linear(), plain.images) != predict(linear(), IMAGES)
    assert 0 < reached.sum() < 11
    # One that flips with its last step is delivered as it is: it is evaluated before ``best`` is asked.
    kept = reached if early_stop else np.zeros(11, bool)
    np.testing.assert_array_equal(found.images, np.where(kept[:, None, None, None], plain.images, IMAGES))
    np.testing.assert_array_equal(found.steps, plain.steps)
