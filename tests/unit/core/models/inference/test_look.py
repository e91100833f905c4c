from __future__ import annotations

import numpy as np
import pytest

from core.image.pixels import to_float
from core.models.inference.classifier import predict
from core.models.inference.look import look, passes_of_look
from tests.classifiers import CountingClassifier, LinearClassifier, tagged, tagged_classifier


@pytest.mark.parametrize("count", [1, 3, 4, 10])
def test_it_predicts_each_image_within_the_bounds(count: int) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 2, 2, 1)).astype(np.uint8)
    classifier = LinearClassifier(rng.normal(size=(3, 4)), np.array([0.0, 60, 120]), batch_size=4)
    found = look(classifier, images, (0.0, 255.0))
    np.testing.assert_array_equal(found.predictions, predict(classifier, images.astype(np.float32)))
    assert len(set(predict(classifier, to_float(images, (0.0, 1.0))))) == 1  # another reading would be another result
    assert 0 < found.forward_seconds < 1
    assert 0 < found.gradient_seconds < 1


def test_its_own_passes_are_known() -> None:
    counting = CountingClassifier(tagged_classifier(4))
    look(counting, tagged(10), (0.0, 1.0))
    warming_up = 3
    assert counting.forward.total() + counting.backward.total() == passes_of_look(10, 4) + warming_up
