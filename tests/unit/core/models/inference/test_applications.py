"""Models as people have them, beside Keras's own gradients: a vision transformer, and one of keras.applications."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.models.inference.batch_invariance import settle
from core.models.inference.classifier import KerasClassifier
from core.models.inference.preprocessing import NO_PREPROCESSING, Preprocessing

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]
SHAPE = (32, 32, 3)
BOUNDS = (0.0, 255.0)


def transformer() -> Any:
    import keras
    from keras import layers, ops

    entry = keras.Input(SHAPE)
    x = layers.Rescaling(1 / 127.5, -1)(entry)
    x = layers.Reshape((16, 24))(layers.Conv2D(24, 8, strides=8)(x))
    x = x + layers.Embedding(16, 24)(ops.arange(16))
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(2, 12)(y, y)
        x = x + layers.Dense(24)(layers.Dense(48, activation="gelu")(layers.LayerNormalization()(x)))
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return keras.Model(entry, layers.Dense(5, activation="softmax")(x))


def mobilenet() -> Any:
    import keras

    model = keras.applications.MobileNet(weights=None, input_shape=SHAPE, classes=5)
    for layer in model.layers:  # untrained, it would have logits of about 1e-12
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(0.02 * np.ones(layer.moving_variance.shape))
    return model


@pytest.mark.parametrize(
    ("build", "preprocessing"),
    [(transformer, NO_PREPROCESSING), (mobilenet, Preprocessing("tf", BOUNDS))],
    ids=["transformer", "mobilenet"],
)
def test_logits_and_gradients_are_those_of_keras(build: Any, preprocessing: Preprocessing) -> None:
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = build()
    classifier = settle(lambda size: KerasClassifier(model, SHAPE, size, preprocessing), 4, SHAPE)
    x = (255 * np.random.default_rng(0).random((1, *SHAPE))).astype(np.float32)
    label = np.array([2])
    with tf.GradientTape() as tape:
        pixels = tf.constant(x)
        tape.watch(pixels)
        given = pixels
        if preprocessing.mode != "none":
            given = keras.applications.imagenet_utils.preprocess_input(pixels, mode=preprocessing.mode)
        probabilities = model(given, training=False)
        loss = keras.losses.sparse_categorical_crossentropy(label, probabilities)
    expected = tape.gradient(loss, pixels).numpy()
    logits, gradient = classifier.gradient(x, label, "cross_entropy")
    centred = np.log(probabilities) - np.log(probabilities).mean()
    assert np.ptp(logits) > 1e-2
    np.testing.assert_allclose(logits - logits.mean(), centred, atol=1e-4)
    np.testing.assert_allclose(gradient, expected, atol=1e-3 * np.abs(expected).max())
