from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.attacks.base import Examples
from core.attacks.boundary.step_back import step_back
from core.attacks.ifgsm import IFGSM
from core.image.pixels import Images
from core.models.inference.classifier import predict
from tests.classifiers import LinearClassifier, image

WEIGHTS = np.zeros((2, 4))
WEIGHTS[1] = 1  # class 1 where the pixels sum up to more than 1
CLASSIFIER = LinearClassifier(WEIGHTS, np.array([1.0, 0.0]))


def examples(clean: np.ndarray, levels: int | None = None) -> Examples:
    count = len(clean)
    return Examples(clean, np.zeros(count, np.int64), np.arange(count), levels=levels)


def back(*given: Any) -> Images:
    return step_back(*given).images


def test_it_ends_just_behind_the_boundary() -> None:
    clean, far = image(0, 0, 0, 0), image(1, 1, 0.5, 0.5)
    # The boundary is at a third of the way; 12 bisections come within 1/4096 behind it.
    found = back(CLASSIFIER, examples(clean), far, 12)
    share = found[0, 0, 0, 0]
    assert 1 / 3 < share <= 1 / 3 + 1 / 4096
    np.testing.assert_allclose(found, share * far, rtol=1e-6)
    assert predict(CLASSIFIER, found).tolist() == [1]


def test_each_bisection_halves_the_interval() -> None:
    clean, far = image(0, 0, 0, 0), image(1, 1, 0.5, 0.5)
    shares = [float(back(CLASSIFIER, examples(clean), far, k)[0, 0, 0, 0]) for k in range(5)]
    assert shares == [1.0, 0.5, 0.5, 0.375, 0.375]


def test_an_attack_steps_back_with_what_is_misclassified_alone() -> None:
    clean = np.concatenate([image(0, 0, 0, 0), image(0.2, 0.2, 0.2, 0.2), image(0.23, 0.23, 0.23, 0.23)])
    # Of 4 p > 1: the first stays, the second flips with its last step, the third with its first.
    attack = IFGSM(epsilon=0.06, steps=2, step_size=0.03)
    plain = attack.model_copy(update={"step_back": 0}).run(CLASSIFIER, examples(clean)).images
    found = attack.run(CLASSIFIER, examples(clean)).images
    np.testing.assert_array_equal(found[0], plain[0])
    assert (found[1:] < plain[1:]).all()
    assert predict(CLASSIFIER, found).tolist() == [0, 1, 1]


class Counting(LinearClassifier):
    """Knows which images it has seen."""

    def __init__(self, weights: np.ndarray, bias: np.ndarray) -> None:
        super().__init__(weights, bias)
        self.tried: list[bytes] = []

    def logits(self, images: np.ndarray) -> np.ndarray:
        self.tried.extend(each.tobytes() for each in images)
        return super().logits(images)


def test_nothing_is_tried_twice() -> None:
    clean, far = image(0, 0, 0, 0), image(5, 5, 5, 5) / np.float32(255)
    counting = Counting(WEIGHTS, np.array([0.03, 0.0]))
    found = back(counting, examples(clean, levels=255), far, 12)
    assert len(counting.tried) == len(set(counting.tried)) <= 4
    np.testing.assert_array_equal(found, back(counting, examples(clean, levels=255), far, 4))
    np.testing.assert_allclose(found * 255, 2, atol=1e-4)  # 4 * 2 / 255 > 0.03


def least(classifier: LinearClassifier, clean: np.ndarray, far: np.ndarray, bisections: int, whole: bool) -> np.ndarray:
    """By trying every place, from far to clean."""
    found = far
    for place in range(2**bisections - 1, 0, -1):
        change = (far.astype(np.float64) - clean) * place / 2**bisections
        if whole:
            change = np.trunc(change * 255 + np.sign(change) * 1e-3) / 255
        candidate = (clean + change).astype(np.float32)
        if predict(classifier, candidate)[0] == 0:
            break
        found = candidate
    return found


LEVELS = st.lists(st.integers(0, 255), min_size=4, max_size=4)
KNOWN = st.sampled_from([np.nan, 0.0, np.inf, -np.inf, 1e-30, 1.0, -1.0, 1e30])


@given(LEVELS, LEVELS, st.floats(0, 0.999), st.booleans(), st.none() | st.tuples(KNOWN, KNOWN))
def test_it_finds_the_least_change_whatever_it_is_told_of_the_margins(
    some: list[int], others: list[int], where: float, whole: bool, told: tuple[float, float] | None
) -> None:
    start, end = np.minimum(some, others), np.maximum(some, others)
    assume((start < end).any())
    # The boundary lies somewhere on the way, between two sums of levels.
    bound = np.floor(start.sum() + where * (end - start).sum()) + 0.5
    place = (bound - start.sum()) / (end - start).sum() * 2**5
    assume(
        abs(place - round(place)) > 1e-3
    )  # otherwise rounding decides on which side of it a place that is tried lies
    clean, far = image(*start) / np.float32(255), image(*end) / np.float32(255)
    classifier = Counting(WEIGHTS, np.array([bound / 255, 0.0]))
    margins = None if told is None else np.array(told, np.float32)[:, None]
    data = examples(clean, levels=255 if whole else None)
    found = back(classifier, data, far, 5, margins)
    assert len(classifier.tried) <= 10
    np.testing.assert_allclose(found, least(classifier, clean, far, 5, whole), atol=1e-6)


def test_on_a_linear_model_the_margins_say_where_the_boundary_is() -> None:
    clean, far = image(0, 0, 0, 0), image(1, 1, 0.5, 0.5)
    counting, data = Counting(WEIGHTS, np.array([1.0, 0.0])), examples(clean)
    margins = np.stack([data.margins(counting.logits(each)) for each in (clean, far)])
    assert margins.tolist() == [[-1.0], [2.0]]
    counting.tried.clear()
    found = back(counting, data, far, 12, margins)
    np.testing.assert_array_equal(found, back(CLASSIFIER, data, far, 12))
    assert len(counting.tried) == 2  # the places before and behind a third of the way


@pytest.mark.parametrize("power", [3.0, 0.3])
def test_a_margin_that_bends_takes_fewer_passes_than_bisection(power: float) -> None:
    class Bent(Counting):
        """The margin grows as a power of the first pixel, above 0.3."""

        def logits(self, images: np.ndarray) -> np.ndarray:
            super().logits(images)
            margin = images[:, 0, 0, 0] ** power - 0.3**power
            return np.stack([np.zeros_like(margin), margin], axis=1)

    clean, far = image(0, 0, 0, 0), image(1, 1, 1, 1)
    bent, data = Bent(WEIGHTS, np.zeros(2)), examples(clean)
    margins = np.stack([data.margins(bent.logits(each)) for each in (clean, far)])
    bent.tried.clear()
    found = back(bent, data, far, 12, margins)
    assert 0.3 < found[0, 0, 0, 0] <= 0.3 + 2**-12
    assert len(bent.tried) < 12


def test_of_a_target_the_margins_are_those_to_the_other_side() -> None:
    logits, labels = np.array([[3, 1, 2], [0, 5, 1]], np.float32), np.array([2, 1])
    away = Examples(np.zeros((2, 2, 2, 1), np.float32), labels, np.arange(2))
    towards = Examples(away.images, labels, away.indices, targeted=True)
    assert away.margins(logits).tolist() == [1.0, -4.0]
    assert towards.margins(logits).tolist() == [-1.0, 4.0]
    assert away.margins(logits[1:], np.array([1])).tolist() == [-4.0]


def test_of_8_bit_images_it_leaves_whole_levels() -> None:
    clean = image(10, 20, 30, 40) / np.float32(255)
    far = image(200, 255, 130, 41) / np.float32(255)
    found = back(CLASSIFIER, examples(clean, levels=255), far, 8)
    levels = found * 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
    assert predict(CLASSIFIER, found).tolist() == [1]
    rounded = np.rint(levels).astype(np.float32) / np.float32(255)
    assert predict(CLASSIFIER, rounded).tolist() == [1]
    assert (np.abs(found - clean) < np.abs(far - clean)).sum() >= 3
    without = back(CLASSIFIER, examples(clean), far, 8) * 255
    assert np.abs(without - np.rint(without)).max() > 0.01


def test_a_change_is_cut_to_levels_not_rounded_up() -> None:
    clean = np.zeros((1, 2, 2, 1), np.float32)
    far = image(255, 3, 3, 1) / np.float32(255)
    # Flipped by anything above zero in the first pixel: the first bisection, to half of the change, is taken.
    sensitive = LinearClassifier(np.array([[0.0, 0, 0, 0], [1.0, 0, 0, 0]]), np.array([1e-6, 0.0]))
    found = back(sensitive, examples(clean, levels=255), far, 1)
    np.testing.assert_allclose(found.ravel() * 255, [127, 1, 1, 0], atol=1e-4)


REACHED = LinearClassifier(WEIGHTS, np.array([-1.0, 0.0]))  # class 1 everywhere


def test_half_of_an_even_change_is_whole_levels_however_it_was_added_up() -> None:
    start, steps = np.meshgrid(np.arange(128), np.arange(1, 21))
    far = clean = np.repeat(start.reshape(-1, 1, 1, 1), 4, axis=1).reshape(-1, 2, 2, 1).astype(np.float32) / np.float32(
        255
    )
    for step in range(20):
        far = np.where(steps.reshape(-1, 1, 1, 1) > step, far + np.float32(6 / 255), far)
    found = back(REACHED, examples(clean, levels=255), far, 1)
    levels = np.rint((found - clean) * 255)[:, 0, 0, 0]
    np.testing.assert_array_equal(levels, 3 * steps.ravel())


def test_an_image_that_reaches_the_goal_from_the_start_goes_all_the_way_back() -> None:
    clean, far = image(10, 20, 30, 40) / np.float32(255), image(200, 255, 130, 41) / np.float32(255)
    np.testing.assert_array_equal(back(REACHED, examples(clean, levels=255), far, 9), clean)
    np.testing.assert_allclose(back(REACHED, examples(clean), far, 9), clean + (far - clean) / 512, rtol=1e-5)


def test_of_many_images_each_one_is_where_it_is_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    clean, far = rng.random((2, 11, 2, 2, 1), np.float32)
    clean, far = clean * np.float32(0.2), 1 - far * np.float32(0.2)
    margins = np.stack([examples(clean).margins(CLASSIFIER.logits(each)) for each in (clean, far)])
    alone = [back(CLASSIFIER, examples(clean[[k]]), far[[k]], 6, margins[:, [k]]) for k in range(11)]
    monkeypatch.setattr("core.attacks.boundary.step_back.BATCHES", 1)
    found = back(CLASSIFIER, examples(clean), far, 6, margins)
    np.testing.assert_array_equal(found, np.concatenate(alone))
