"""Where gradients come with approximate logits, they propose a flip, and a forward pass decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.attacks.apgd import APGD
from core.attacks.base import Attack, Examples
from core.attacks.ifgsm import IFGSM
from core.attacks.mifgsm import MIFGSM
from core.attacks.nifgsm import NIFGSM
from core.attacks.one_pixel import OnePixel
from core.image.pixels import Images
from core.models.inference.classifier import Loss, predict
from tests.classifiers import CountingClassifier, LinearClassifier, tagged, tagged_classifier


class Approximate(CountingClassifier):
    """The logits that come with a gradient are off by ``error``, those of ``logits`` are right."""

    def __init__(self, classifier: Any, error: NDArray[np.float32]) -> None:
        super().__init__(classifier)
        self.exact, self.error = False, error

    def gradient(self, images: Images, labels: NDArray[np.int64], loss: Loss) -> tuple[NDArray[np.float32], Images]:
        logits, gradient = super().gradient(images, labels, loss)
        return logits + self.error, gradient


def attacked_examples(classifier: LinearClassifier, *, wrong: bool = False) -> Examples:
    images = tagged(12)
    labels = (predict(classifier, images) + wrong) % classifier.classes
    return Examples(images, labels, np.arange(len(images)), levels=None)


@pytest.mark.parametrize("attack", [IFGSM(epsilon=0.2), MIFGSM(epsilon=0.2), NIFGSM(epsilon=0.2), APGD(epsilon=0.2)])
@pytest.mark.parametrize("batch_size", [3, 12])
def test_a_proposed_flip_that_is_none_ends_no_image(attack: Attack, batch_size: int) -> None:
    exact = tagged_classifier(batch_size)
    examples = attacked_examples(exact)
    misled = Approximate(exact, np.array([100, 0, 0, 0], np.float32))  # looks like class 0 everywhere
    found = attack.run(misled, examples)
    expected = attack.run(exact, examples)
    # The gradients are the same, so no more images withstand because of wrong proposals.
    flipped = predict(exact, found.images) != examples.labels
    np.testing.assert_array_equal(flipped, predict(exact, expected.images) != examples.labels)
    assert flipped.any()
    assert found.steps[flipped].min() > 0


def test_right_proposals_give_the_result_of_exact_gradients() -> None:
    exact = tagged_classifier(4)
    examples = attacked_examples(exact)
    found = IFGSM(epsilon=0.2).run(Approximate(exact, np.zeros(4, np.float32)), examples)
    np.testing.assert_array_equal(found.images, IFGSM(epsilon=0.2).run(exact, examples).images)


@pytest.mark.parametrize(
    "attack",
    [
        MIFGSM(epsilon=0.1),
        MIFGSM(epsilon=0.1, early_stop=False, step_back=0),
        NIFGSM(epsilon=0.02),
        APGD(epsilon=0.1, steps=6),
        OnePixel(population=6, generations=3),
        OnePixel(population=6, generations=3, seeded=0.0),
    ],
)
@pytest.mark.parametrize("wrong", [False, True])
def test_confirmations_are_counted_for_the_images_that_are_confirmed(attack: Attack, *, wrong: bool) -> None:
    exact = tagged_classifier(4)
    classifier = Approximate(exact, np.array([0.3, 0, 0, -0.3], np.float32))
    found = attack.run(classifier, attacked_examples(exact, wrong=wrong))
    numbers = range(12)
    assert found.forward_passes.tolist() == [classifier.forward[number] for number in numbers]
    assert found.backward_passes.tolist() == [classifier.backward[number] for number in numbers]


def test_the_result_does_not_depend_on_the_batch() -> None:
    examples = attacked_examples(tagged_classifier(4))
    error = np.array([0.5, 0, 0, -0.5], np.float32)
    results = [MIFGSM(epsilon=0.1).run(Approximate(tagged_classifier(size), error), examples) for size in (1, 4, 12)]
    for each in results[1:]:
        np.testing.assert_array_equal(each.images, results[0].images)
        np.testing.assert_array_equal(each.forward_passes, results[0].forward_passes)
