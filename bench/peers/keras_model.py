"""The shipped Keras model, ending in logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def load_logits(path: Path) -> Any:
    """The keras.Model without its softmax."""
    import keras

    model = keras.saving.load_model(path, compile=False)
    model.layers[-1].activation = keras.activations.linear
    return model


def traced(model: Any) -> Callable[[Any], Any]:
    """The model at inference, traced once for any number of images."""
    import tensorflow as tf

    shape = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    function: Callable[[Any], Any] = tf.function(lambda x: model(x, training=False), input_signature=[shape])
    return function
