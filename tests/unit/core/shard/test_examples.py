from __future__ import annotations

import numpy as np
import pytest

from core.errors import DataError
from core.shard.examples import examples_of
from tests.classifiers import LinearClassifier
from tests.runs import SHAPE, config

STORED = np.random.default_rng(0).integers(0, 256, (9, *SHAPE)).astype(np.uint8)
CLASSIFIER = LinearClassifier(np.random.default_rng(1).normal(size=(3, int(np.prod(SHAPE)))))
INDICES = np.arange(9)


def test_images_are_moved_away_from_the_prediction_with_labels_or_without() -> None:
    for labels in (np.zeros(9, np.int64), None):
        examples, predictions = examples_of(config(), CLASSIFIER, STORED, labels, INDICES)
        np.testing.assert_array_equal(examples.labels, predictions)
        np.testing.assert_array_equal(predictions, CLASSIFIER.logits(examples.images).argmax(axis=1))
        assert not examples.targeted


def test_images_are_moved_away_from_the_label_which_must_be_there() -> None:
    true, labels = config().model_copy(update={"labels": "true"}), np.arange(9) % 3
    examples, _ = examples_of(true, CLASSIFIER, STORED, labels, INDICES)
    np.testing.assert_array_equal(examples.labels, labels)
    with pytest.raises(DataError, match="got no labels"):
        examples_of(true, CLASSIFIER, STORED, None, INDICES)


def test_a_target_needs_no_labels() -> None:
    examples, _ = examples_of(config().model_copy(update={"target": 2}), CLASSIFIER, STORED, None, INDICES)
    assert examples.labels.tolist() == [2] * 9
    assert examples.targeted
