"""The passes that an attack reports of each image are those that the classifier sees of it, in any company."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.attacks.apgd import APGD
from core.attacks.apgd_t import APGDT
from core.attacks.base import Attack, Examples
from core.attacks.boundary.step_back import step_back
from core.attacks.ddn import DDN
from core.attacks.deepfool import DeepFool
from core.attacks.fgsm import FGSM
from core.attacks.ifgsm import IFGSM
from core.attacks.mifgsm import MIFGSM
from core.attacks.nifgsm import NIFGSM
from core.attacks.noise import Gaussian
from core.attacks.one_pixel import OnePixel
from core.models.inference.classifier import predict
from tests.classifiers import CountingClassifier, LinearClassifier, ScriptedClassifier, image, tagged, tagged_classifier

EPSILON = 0.04  # less than half of what tells one tag from the next
ATTACKS: list[Attack] = [
    FGSM(epsilon=EPSILON),
    IFGSM(epsilon=EPSILON, early_stop=False),
    IFGSM(epsilon=EPSILON, step_back=0),
    MIFGSM(epsilon=EPSILON),
    MIFGSM(epsilon=EPSILON, random_start=True, restarts=2, loss="margin"),
    MIFGSM(epsilon=EPSILON, norm="l2"),
    NIFGSM(epsilon=EPSILON),
    NIFGSM(epsilon=EPSILON, early_stop=False, step_back=0),
    APGD(epsilon=EPSILON, steps=12),
    APGD(epsilon=EPSILON, steps=12, early_stop=False, restarts=1),
    APGDT(epsilon=EPSILON, steps=7),
    APGDT(epsilon=EPSILON, steps=5, n_target_classes=2, restarts=1, early_stop=False),
    DDN(steps=8, initial_norm=0.02),
    DeepFool(candidates=2),
    DeepFool(norm="linf"),
    OnePixel(population=20, generations=4),
    OnePixel(population=20, generations=4, seeded=0, early_stop=False),
    Gaussian(),
]


def examples(targeted: bool) -> Examples:
    images = tagged(12)
    labels = predict(tagged_classifier(4), images)
    labels[3] = (labels[3] + 1) % 4  # reaches the goal from the start, unless there is a target
    return Examples(images, labels, np.arange(12), targeted=targeted)


@pytest.mark.parametrize(
    ("attack", "targeted"), [(attack, targeted) for attack in ATTACKS for targeted in {False, attack.targetable}]
)
def test_they_are_what_the_classifier_sees_in_any_company(attack: Attack, targeted: bool) -> None:
    data, counting = examples(targeted), CountingClassifier(tagged_classifier(5))
    if targeted:
        data.labels[:] = (data.labels + np.arange(12) % 2) % 4
    whole = attack.run(counting, data)
    assert whole.forward_passes.dtype == whole.backward_passes.dtype == np.int64
    assert whole.forward_passes.tolist() == [counting.forward[tag] for tag in range(12)]
    assert whole.backward_passes.tolist() == [counting.backward[tag] for tag in range(12)]
    most = attack.passes_at_most(counting.classes)
    assert most is not None
    assert whole.forward_passes.max() <= most.forward
    assert whole.backward_passes.max() <= most.backward
    order = np.random.default_rng(1).permutation(12)
    for batch_size, rows in zip((1, 3, 4, 64), np.split(order, [1, 4, 6]), strict=True):
        part = attack.run(tagged_classifier(batch_size), data.take(rows))
        np.testing.assert_array_equal(part.forward_passes, whole.forward_passes[rows])
        np.testing.assert_array_equal(part.backward_passes, whole.backward_passes[rows])


def test_noise_takes_none() -> None:
    found = Gaussian().run(tagged_classifier(4), examples(False))
    assert not found.forward_passes.any()
    assert not found.backward_passes.any()


def one(classifier: LinearClassifier | ScriptedClassifier, attack: Attack) -> tuple[int, int]:
    found = attack.run(classifier, Examples(image(0.5, 0.5, 0.5, 0.5), np.array([0]), np.arange(1)))
    return int(found.forward_passes[0]), int(found.backward_passes[0])


def test_of_an_image_that_withstands() -> None:
    stays = ScriptedClassifier(lambda pixels: np.ones((2, 2, 1), np.float32))
    assert one(stays, IFGSM(steps=7, step_back=0)) == (7, 7)
    assert IFGSM(steps=7, early_stop=False).passes_at_most(3) == (7 + 1 + 12, 7)
    assert APGD(steps=7, early_stop=False).passes_at_most(3) == (8, 7)
    assert NIFGSM(steps=7, step_back=0).passes_at_most(3) == (21, 7)
    assert OnePixel(population=10, generations=2, seeded=0).passes_at_most(3) == (31, 0)
    assert one(stays, IFGSM(steps=7)) == (8, 7)  # to step back or not, the last point is evaluated
    assert one(stays, IFGSM(steps=7, restarts=2)) == (24, 21)
    assert one(stays, NIFGSM(steps=7, step_back=0)) == (14, 7)  # the iterate beside the point ahead
    assert one(stays, NIFGSM(steps=7, step_back=0, early_stop=False)) == (7, 7)
    assert one(stays, APGD(steps=7)) == (8, 7)  # the last point may be the best


def test_of_an_image_that_flips() -> None:
    # Class 1 from 0.55 on; the margin foretells the step that crosses, so that a forward pass finds it.
    classifier = LinearClassifier(np.array([[0.0, 0, 0, 0], [1, 0, 0, 0]]), np.array([0.55, 0]))
    assert one(classifier, IFGSM(step_size=0.02, epsilon=0.2, step_back=0)) == (4, 3)
    # 3 steps, then 0.56 is 3/4 to 1 of the way: places 1 to 4 of 4 are 0.515, 0.53, 0.545, 0.56.
    assert one(classifier, IFGSM(step_size=0.02, epsilon=0.2, step_back=2)) == (5, 3)
    assert one(classifier, IFGSM(step_size=0.1, epsilon=0.2, steps=1, step_back=0)) == (1, 1)
    already = LinearClassifier(np.array([[0.0, 0, 0, 0], [1, 0, 0, 0]]))
    assert one(already, IFGSM(step_back=0)) == (1, 1)


@given(st.integers(0, 9), st.integers(1, 8))
def test_stepping_back(seed: int, bisections: int) -> None:
    counting = CountingClassifier(tagged_classifier(5, seed))
    clean, far = tagged(12, seed), tagged(12, seed + 100)
    reached = predict(counting.classifier, far) != predict(counting.classifier, clean)
    data = Examples(clean, predict(counting.classifier, clean), np.arange(12)).take(np.flatnonzero(reached))
    found = step_back(counting, data, far[reached], bisections)
    assert found.forward_passes.tolist() == [counting.forward[tag] for tag in np.flatnonzero(reached).tolist()]
