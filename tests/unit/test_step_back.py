from __future__ import annotations

from typing import ClassVar

import numpy as np

from core.attacks.base import Examples
from core.attacks.ifgsm import IFGSM
from core.attacks.step_back import step_back
from core.models.classifier import predict
from tests.classifiers import LinearClassifier, image

WEIGHTS = np.zeros((2, 4))
WEIGHTS[1] = 1  # class 1 where the pixels sum up to more than 1
CLASSIFIER = LinearClassifier(WEIGHTS, np.array([1.0, 0.0]))


def examples(clean: np.ndarray, levels: int | None = None) -> Examples:
    count = len(clean)
    return Examples(clean, np.zeros(count, np.int64), np.arange(count), levels=levels)


def test_it_ends_just_behind_the_boundary() -> None:
    clean, far = image(0, 0, 0, 0), image(1, 1, 0.5, 0.5)
    # The boundary is at a third of the way; 12 bisections come within 1/4096 behind it.
    found = step_back(CLASSIFIER, examples(clean), far, 12)
    share = found[0, 0, 0, 0]
    assert 1 / 3 < share <= 1 / 3 + 1 / 4096
    np.testing.assert_allclose(found, share * far, rtol=1e-6)
    assert predict(CLASSIFIER, found).tolist() == [1]


def test_each_bisection_halves_the_interval() -> None:
    clean, far = image(0, 0, 0, 0), image(1, 1, 0.5, 0.5)
    shares = [float(step_back(CLASSIFIER, examples(clean), far, k)[0, 0, 0, 0]) for k in range(5)]
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


def test_nothing_is_tried_twice() -> None:
    class Counting(LinearClassifier):
        tried: ClassVar[list[bytes]] = []

        def logits(self, images: np.ndarray) -> np.ndarray:
            self.tried.extend(each.tobytes() for each in images)
            return super().logits(images)

    clean, far = image(0, 0, 0, 0), image(5, 5, 5, 5) / np.float32(255)
    counting = Counting(WEIGHTS, np.array([0.03, 0.0]))
    found = step_back(counting, examples(clean, levels=255), far, 12)
    assert len(counting.tried) == len(set(counting.tried)) <= 4
    np.testing.assert_array_equal(found, step_back(counting, examples(clean, levels=255), far, 4))
    np.testing.assert_allclose(found * 255, 2, atol=1e-4)  # 4 * 2 / 255 > 0.03


def test_of_8_bit_images_it_leaves_whole_levels() -> None:
    clean = image(10, 20, 30, 40) / np.float32(255)
    far = image(200, 255, 130, 41) / np.float32(255)
    found = step_back(CLASSIFIER, examples(clean, levels=255), far, 8)
    levels = found * 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
    assert predict(CLASSIFIER, found).tolist() == [1]
    rounded = np.rint(levels).astype(np.float32) / np.float32(255)
    assert predict(CLASSIFIER, rounded).tolist() == [1]
    assert (np.abs(found - clean) < np.abs(far - clean)).sum() >= 3
    without = step_back(CLASSIFIER, examples(clean), far, 8) * 255
    assert np.abs(without - np.rint(without)).max() > 0.01


def test_a_change_is_cut_to_levels_not_rounded_up() -> None:
    clean = np.zeros((1, 2, 2, 1), np.float32)
    far = image(255, 3, 3, 1) / np.float32(255)
    # Flipped by anything above zero in the first pixel: the first bisection, to half of the change, is taken.
    sensitive = LinearClassifier(np.array([[0.0, 0, 0, 0], [1.0, 0, 0, 0]]), np.array([1e-6, 0.0]))
    found = step_back(sensitive, examples(clean, levels=255), far, 1)
    np.testing.assert_allclose(found.ravel() * 255, [127, 1, 1, 0], atol=1e-4)
