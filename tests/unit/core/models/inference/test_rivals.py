"""The pass that DeepFool takes: the largest logits besides the label, and the way to each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.models.files.card import ZOO
from core.models.files.loading import load_model
from core.models.inference.batch_invariance import same_sizes
from core.models.inference.classifier import KerasClassifier

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (12, 12, 3)


def build() -> Any:
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(4, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(7),
        ]
    )


def images(count: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(1).random((count, *shape), np.float32)


@pytest.mark.parametrize("count", [1, 4, 6])
def test_gradients_are_those_of_tensorflows_jacobian(count: int) -> None:
    import tensorflow as tf

    model = build()
    x, labels = images(5), np.array([0, 1, 2, 6, 3])
    logits, rivals, gradients = KerasClassifier(model, SHAPE, 8).rivals(x, labels, count)
    with tf.GradientTape() as tape:
        at = tf.constant(x)
        tape.watch(at)
        z = model(at, training=False)
    jacobian = tape.batch_jacobian(z, at).numpy()
    np.testing.assert_allclose(logits, z, atol=1e-5)
    for row, label in enumerate(labels):
        others = [k for k in np.argsort(-z.numpy()[row]) if k != label]
        assert rivals[row].tolist() == others[:count]
        wanted = jacobian[row, rivals[row]] - jacobian[row, label]
        np.testing.assert_allclose(gradients[row], wanted, atol=1e-6)
    assert np.abs(gradients).max() > 1e-2


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_the_sizes_that_settle_for_the_gradient_give_the_same_bits_here(name: str) -> None:
    shape = (28, 28, 1)
    classifier = KerasClassifier(load_model(ZOO / f"{name}.keras"), shape, 64)
    sizes = same_sizes(classifier, shape)
    x, labels = images(64, shape), np.arange(64) % 10
    whole: tuple[Any, ...] = classifier.rivals(x, labels, 3)
    classifier.sizes = sizes
    order = np.random.default_rng(2).permutation(64)
    for size in sizes:
        for rows in (order[:size], order[-size:]):
            for found, wanted in zip(classifier.rivals(x[rows], labels[rows], 3), whole, strict=True):
                np.testing.assert_array_equal(found, wanted[rows])
