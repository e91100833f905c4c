"""Auto-PGD against algorithm 1, written down once more for a single image."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.attacks.apgd import APGD
from core.attacks.base import Examples
from core.attacks.gradient.auto_pgd import checkpoints
from core.attacks.gradient.iterate import Iterate, State
from core.image.pixels import Images
from core.models.inference.classifier import predict
from tests.classifiers import SHAPE, LinearClassifier, SmoothClassifier, image

ROUGH = np.random.default_rng(11).normal(size=(5, 4)) * 6


def rough(offset: float = 0.0, batch_size: int = 4) -> SmoothClassifier:
    """Many hills and valleys; class 1 nowhere with an offset of 6."""

    def f(x: np.ndarray) -> np.ndarray:
        return np.sin(x @ ROUGH.T).sum(axis=1) - offset

    return SmoothClassifier(f, lambda x: np.cos(x @ ROUGH.T) @ ROUGH, batch_size)


def examples(images: np.ndarray, labels: np.ndarray | None = None) -> Examples:
    count = len(images)
    return Examples(images, np.zeros(count, np.int64) if labels is None else labels, np.arange(count))


def test_the_checkpoints_are_those_of_the_paper() -> None:
    assert checkpoints(100) == [0, 22, 41, 57, 70, 80, 87, 93, 99]
    # ceil(2.2), ceil(4.1), ceil(5.7), 7, 8, ceil(8.7), ceil(9.3), ceil(9.9)
    assert checkpoints(10) == [0, 3, 5, 6, 7, 8, 9, 10]
    assert checkpoints(1) == [0, 1]
    assert checkpoints(1000) == [10 * each for each in checkpoints(100)]


@given(st.integers(1, 400))
def test_checkpoints_are_the_ceilings_of_their_shares(steps: int) -> None:
    found = checkpoints(steps)
    assert found == sorted(set(found))
    shares = [0, 0.22, 0.41, 0.57, 0.7, 0.8, 0.87, 0.93, 0.99]
    assert found == sorted({math.ceil(round(share * steps, 9)) for share in shares})


@dataclass
class Course:
    """points: all x(k). eta: the step size that led from each of them. causes: which conditions held at checkpoints."""

    points: list[np.ndarray]
    eta: list[float]
    causes: list[tuple[int, bool, bool]]
    best: np.ndarray


def algorithm_1(classifier: SmoothClassifier, clean: np.ndarray, epsilon: float, steps: int, norm: str) -> Course:
    """For one image (d,) of class 0, in double precision."""

    def loss(x: np.ndarray) -> float:
        return float(np.logaddexp(0, classifier.f(x[None])[0]))

    def project(x: np.ndarray) -> np.ndarray:
        change = x - clean
        if norm == "linf":
            change = np.clip(change, -epsilon, epsilon)
        else:
            change = change * min(1, epsilon / max(float(np.linalg.norm(change)), 1e-12))
        return np.clip(clean + change, 0, 1)

    def unit(x: np.ndarray) -> np.ndarray:
        gradient = classifier.df(x[None])[0]
        return np.sign(gradient) if norm == "linf" else gradient / np.linalg.norm(gradient)

    eta = 2 * epsilon
    x, last = clean, clean
    course = Course([x], [], [], x)
    best, increases, halved, checked = loss(x), 0, False, loss(x)
    w = checkpoints(steps)
    for k in range(steps):
        if k in w[1:]:
            one = increases < 0.75 * (k - w[w.index(k) - 1])
            two = not halved and best == checked
            course.causes.append((k, one, two))
            halved, checked, increases = one or two, best, 0
            if halved:
                eta, x = eta / 2, course.best
        course.eta.append(eta)
        z = project(x + eta * unit(x))
        alpha = 1 if k == 0 else 0.75
        now, before = project(x + alpha * (z - x) + (1 - alpha) * (x - last)), loss(x)
        last, x = course.points[-1], now
        course.points.append(x)
        increases += loss(x) > before
        if loss(x) > best:
            best, course.best = loss(x), x
    return course


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("seed", range(12))
def test_it_is_algorithm_1(norm: Any, seed: int) -> None:
    classifier = rough(6)
    clean = np.random.default_rng(seed).random((1, *SHAPE), np.float32)
    epsilon, steps = (0.2, 40) if norm == "linf" else (0.4, 40)
    attack = APGD(norm=norm, epsilon=epsilon, steps=steps, early_stop=False)
    found = attack.run(classifier, examples(clean)).images
    course = algorithm_1(classifier, clean.ravel().astype(float), epsilon, steps, norm)
    visited = np.array([*classifier.differentiated, *classifier.evaluated]).reshape(-1, 4)
    assert len(visited) == steps + 1
    np.testing.assert_allclose(visited, course.points, atol=1e-3)
    np.testing.assert_allclose(found.ravel(), course.best, atol=1e-3)


class Noted(APGD):
    """Notes the step sizes of its first image."""

    etas: ClassVar[list[float]] = []

    def update(self, at: Iterate) -> tuple[Images, State]:
        x, state = super().update(at)
        self.etas.append(float(state["eta"].ravel()[0]))
        return x, state


@pytest.mark.parametrize(
    ("losses", "halved_at"),
    [
        ([*range(30)], []),
        ([0.0] * 24, [9, 17, 23]),
        # Of 9 steps up to w_1 = 9, six or seven increase the loss: 0.75 * 9 is 6.75.
        ([0, *[-1, -2, -3], *range(1, 7), *range(10, 30)], [9]),
        ([0, *[-1, -2], *range(1, 8), *range(10, 30)], []),
        # Of 8 up to w_2 = 17, six are enough, and five are not.
        ([*range(10), *[1, 0], *range(10, 16), *range(20, 40)], []),
        ([*range(10), *[2, 1, 0], *range(10, 15), *range(20, 40)], [17]),
        # It rises all the time, but not above where it began: at w_1 condition 2 alone. Not at w_2, as it was
        # halved at w_1; at w_3 = 23 again.
        ([99, *range(30)], [9, 23]),
        # After the return, a step is an increase if it is above the best point.
        ([5, *[0] * 9, *[1, 2, 3, 4, 4.5, 4.6, 4.7, 4.8], *range(10, 30)], [9]),
        ([5, *[0] * 9, *[6, 5, 6, 5, 6, 7, 8, 9], *range(10, 30)], [9]),
        ([5, *[0] * 9, *[4, 3, 6, 5, 6, 7, 8, 9], *range(10, 30)], [9, 17]),
    ],
)
def test_the_step_is_halved_where_condition_1_or_2_holds(losses: Sequence[float], halved_at: list[int]) -> None:
    script = [*losses, *range(100, 141 - len(losses))]  # one for each of the 41 points, all rising in the end

    class Scripted(SmoothClassifier):
        """Has these losses one after the other, wherever it is asked."""

        def scores(self, images: np.ndarray) -> np.ndarray:
            at = len(self.differentiated) + len(self.evaluated) - 1
            return np.array([[0, script[at] - 200]], np.float32)

    Noted.etas.clear()
    classifier = Scripted(lambda x: x[:, 0], np.ones_like)
    attack = Noted(epsilon=1, step_size=0.5, steps=40, early_stop=False, loss="cross_entropy")
    attack.run(classifier, examples(image(0, 0, 0, 0)))
    changes = [k for k, (one, two) in enumerate(itertools.pairwise([0.5, *Noted.etas])) if two != one]
    assert changes == halved_at
    assert Noted.etas[-1] == 0.5 / 2 ** len(halved_at)


def test_the_first_steps_by_hand() -> None:
    # f grows up to 0.55 in the first pixel and falls from there on; epsilon is 0.1, eta 0.2.
    classifier = SmoothClassifier(lambda x: -9 - np.abs(x[:, 0] - 0.55), lambda x: np.sign(0.55 - x) * [[1.0, 0, 0, 0]])
    attack = APGD(epsilon=0.1, steps=3)
    found = attack.run(classifier, examples(image(0.5, 0.5, 0.5, 0.5))).images.ravel()
    visited = np.array([*classifier.differentiated, *classifier.evaluated])[:, 0, 0, 0]
    # x1 = P(.5 + .2) = .6. Its loss is no higher: at w_1 = 1, both conditions hold: eta = .1, and back to x0 = .5.
    # z = P(.5 + .1) = .6;  x2 = .5 + .75 * .1 + .25 * (.5 - .5) = .575
    # w_2 = 2: x2 is the best so far, and eta was halved just before: it stays, as one of one steps increased the loss.
    # z = P(.575 - .1) = .475;  x3 = .575 - .75 * .1 + .25 * (.575 - .6) = .49375
    np.testing.assert_allclose(visited, [0.5, 0.6, 0.575, 0.49375], atol=1e-6)
    np.testing.assert_allclose(found, [0.575, 0.5, 0.5, 0.5], atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("early_stop", [False, True])
@given(st.integers(0, 30), st.integers(1, 12), st.booleans())
def test_what_is_delivered_has_the_highest_loss_of_all_iterates(
    norm: Any, early_stop: bool, seed: int, steps: int, start: bool
) -> None:
    classifier = rough(6)
    clean = np.random.default_rng(seed).random((1, *SHAPE), np.float32)
    attack = APGD(norm=norm, epsilon=0.3, steps=steps, early_stop=early_stop, random_start=start)
    found = attack.run(classifier, examples(clean))
    visited = np.array([*classifier.differentiated, *classifier.evaluated])
    assert (
        len(visited) >= steps + 1 if early_stop else len(visited) == steps + 1
    )  # false positives of the flip prediction
    values = classifier.f(visited.reshape(-1, 4).astype(np.float64))
    np.testing.assert_array_equal(found.images[0], visited[values.astype(np.float32).argmax()])
    assert found.steps.tolist() == [steps]


def test_with_early_stop_the_first_that_flips_is_delivered_and_without_the_best() -> None:
    clean = np.random.default_rng(0).random((60, *SHAPE), np.float32)
    classifier = rough(2)
    clean = clean[predict(classifier, clean) == 0]
    data = examples(clean)
    common = {"epsilon": 0.2, "steps": 15}
    first = APGD(**common).run(rough(2), data)
    best = APGD(**common, early_stop=False).run(rough(2), data)
    broken = predict(classifier, first.images) == 1
    # The loss orders two classes by their margin: the best iterate flips where any does.
    np.testing.assert_array_equal(predict(classifier, best.images) == 1, broken)
    assert 5 < broken.sum() < len(clean) - 5
    assert (first.steps[broken] < 15).any()
    np.testing.assert_array_equal(first.images[~broken], best.images[~broken])

    def f(images: np.ndarray) -> np.ndarray:
        return classifier.f(images.reshape(len(images), -1).astype(np.float64))

    assert (f(best.images) >= f(first.images)).all()
    assert (f(best.images) > f(first.images)).any()


def test_a_last_iterate_that_flips_is_not_lost_to_a_higher_loss() -> None:
    # Three classes: the loss of class 0 is higher at the start, where it just leads, than at the end, where it is
    # second; one step leads from 0.5 to 0.6.
    class Traded(SmoothClassifier):
        def scores(self, images: np.ndarray) -> np.ndarray:
            at_end = images[:, 0, 0, 0] > 0.55
            return np.where(at_end[:, None], [[1.0, 1.2, -9]], [[0.02, 0.01, 0.0]]).astype(np.float32)

    classifier = Traded(lambda x: x[:, 0], lambda x: np.ones_like(x) * [[1.0, 0, 0, 0]])
    classifier.classes = 3
    attack = APGD(epsilon=0.1, steps=1)
    data = examples(image(0.5, 0.5, 0.5, 0.5))
    assert predict(classifier, attack.run(classifier, data).images).tolist() == [1]
    without = attack.model_copy(update={"early_stop": False}).run(classifier, data)
    np.testing.assert_array_equal(without.images, data.images)


def test_on_a_linear_model_it_is_at_the_corner_after_one_step() -> None:
    weights = np.array([[1.0, -2.0, 0.5, 0.0], [-1.0, 1.0, 0.0, 0.0]])
    attack = APGD(epsilon=0.1, steps=9)
    found = attack.run(LinearClassifier(weights, np.array([9.0, 0.0])), examples(image(0.5, 0.5, 0.5, 0.5)))
    np.testing.assert_allclose(found.images.ravel(), [0.4, 0.6, 0.4, 0.5], atol=1e-7)
    l2 = APGD(norm="l2", epsilon=0.1, steps=9)
    found = l2.run(LinearClassifier(weights, np.array([9.0, 0.0])), examples(image(0.5, 0.5, 0.5, 0.5)))
    direction = np.array([-2, 3, -0.5, 0]) / np.linalg.norm([-2, 3, -0.5])
    np.testing.assert_allclose(found.images.ravel() - 0.5, 0.1 * direction, atol=1e-5)


def test_the_first_step_has_the_length_that_is_given() -> None:
    attack = APGD(epsilon=0.4, steps=1, step_size=0.1, early_stop=False)
    classifier = LinearClassifier(np.array([[1.0, 0, 0, 0], [0, 0, 0, 0]]))
    found = attack.run(classifier, examples(image(0.5, 0.5, 0.5, 0.5))).images
    np.testing.assert_allclose(found.ravel(), [0.4, 0.5, 0.5, 0.5], atol=1e-7)


@given(st.integers(1, 7), st.permutations(range(9)), st.integers(1, 9), st.sampled_from(["linf", "l2"]), st.booleans())
def test_batch_and_company_change_nothing(
    batch_size: int, order: list[int], count: int, norm: Any, early: bool
) -> None:
    images = np.random.default_rng(3).random((9, *SHAPE), np.float32)
    data = examples(images, predict(rough(1), images))
    attack = APGD(norm=norm, epsilon=0.3, steps=9, early_stop=early, restarts=1, step_back=3)
    whole = attack.run(rough(1, 4), data)
    rows = np.array(order[:count])
    part = attack.run(rough(1, batch_size), data.take(rows))
    for name in ("images", "steps", "vanished", "forward_passes", "backward_passes"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[rows])
