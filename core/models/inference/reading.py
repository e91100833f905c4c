"""Reads a model as a function from images to logits, whatever its input's layout and its last activation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.errors import ModelError
from core.models.inference.logits import Logits, ends_in_linear_layer, logits_function
from core.models.inference.shapes import Shapes, read_shapes

Output = Literal["logits", "softmax removed", "probabilities", "one sigmoid", "one logit"]
SATURATES = (
    "the model gives probabilities, and its last activation can't be removed: gradients vanish where they saturate;"
    " save the model without that activation"
)
ONE_LOGIT = "the model's single output is read as a logit: class 1 where it is positive"
OWN_SIGMOIDS = "the model has a sigmoid per class: the values before them are compared as logits"
_SMALLEST = 1e-37  # of which float32 has a finite logarithm


@dataclass(frozen=True)
class Reading:
    """How a model is read.

    Attributes:
        logits: from images (N, H, W, C) to float32 logits (N, classes), both tensors; differentiable.
        output: what the model gives.
        shapes: of its input and output.
        notes: sentences for the user.
    """

    logits: Callable[[Any], Any]
    output: Output
    shapes: Shapes
    notes: tuple[str, ...] = ()


def read_model(model: Any, image_shape: tuple[int, ...], *, other_channels: bool = False) -> Reading:
    """Find out how a model gives logits of images.

    Args:
        model: a keras.Model, or anything else that is called with ``training=False`` and has ``inputs`` and
            ``outputs`` with shapes.
        image_shape: (H, W, C).
        other_channels: accept a model for RGB where the images are grey, and the reverse.

    Raises:
        ModelError: it is not a classifier of such images.
    """
    model = _functional(model, image_shape)
    shapes = read_shapes(model, image_shape, other_channels=other_channels)
    inner, ending = logits_function(model)
    read, output, notes = _single(model, shapes, ending) if shapes.single else _several(model, shapes, ending)

    def logits(x: Any) -> Any:
        import tensorflow as tf

        return read(tf.cast(inner(shapes.arranged(x)), tf.float32))

    return Reading(logits, output, shapes, notes)


def _functional(model: Any, image_shape: tuple[int, ...]) -> Any:
    """A subclassed model, which has no inputs, as a functional model of these images."""
    import keras

    if not isinstance(model, keras.Model) or getattr(model, "inputs", None):
        return model
    entry = keras.Input(image_shape)
    try:
        return keras.Model(entry, model(entry, training=False), name=model.name)
    except Exception as error:  # noqa: BLE001 - layers raise various exceptions for a wrong shape
        raise ModelError(
            f"a model that accepts images of shape {image_shape}",
            f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:200]}",
            "give a model and a data set that fit",
        ) from None


def _several(model: Any, shapes: Shapes, ending: str) -> tuple[Logits, Output, tuple[str, ...]]:
    if ending == "softmax removed":
        return _unchanged, "softmax removed", ()
    if ending == "sigmoid removed":
        return _unchanged, "logits", (OWN_SIGMOIDS,)
    sample = np.random.default_rng(0).random((4, *shapes.image_shape), np.float32)
    output = _values(model, shapes, sample)
    if (output >= 0).all() and np.allclose(output.sum(axis=1), 1, atol=1e-3):
        return _log, "probabilities", (SATURATES,)
    return _unchanged, "logits", ()


def _single(model: Any, shapes: Shapes, ending: str) -> tuple[Logits, Output, tuple[str, ...]]:
    if ending == "softmax removed":
        raise ModelError(
            "a model whose output is (N, classes), or (N, 1) with a sigmoid",
            "a softmax over a single output, which is always 1",
            "give the last layer a sigmoid, or two outputs",
        )
    if ending == "sigmoid removed":
        return _two_logits, "one sigmoid", ()
    if not ends_in_linear_layer(model) and _within_0_and_1(model, shapes):
        return _log_odds, "probabilities", (SATURATES,)
    return _two_logits, "one logit", (ONE_LOGIT,)


def _within_0_and_1(model: Any, shapes: Shapes) -> bool:
    """Whether outputs stay in 0..1 even for pixels far out of range, where a logit would not."""
    sample = np.random.default_rng(0).random((8, *shapes.image_shape), np.float32)
    scale = np.array([1, 1, 255, 255, 1e3, 1e3, -1e3, -1e3], np.float32)
    output = _values(model, shapes, sample * scale[:, None, None, None])
    return bool((output >= 0).all() and (output <= 1).all())


def _values(model: Any, shapes: Shapes, sample: Any) -> Any:
    import tensorflow as tf

    return np.asarray(tf.cast(model(shapes.arranged(tf.constant(sample)), training=False), tf.float32))


def _unchanged(z: Any) -> Any:
    return z


def _log(p: Any) -> Any:
    """The logits of probabilities, up to a constant."""
    import tensorflow as tf

    return tf.math.log(tf.maximum(p, _SMALLEST))


def _two_logits(z: Any) -> Any:
    """The logits (0, z) of two classes, of which z is the log odds."""
    import tensorflow as tf

    z = tf.reshape(z, (-1, 1))
    return tf.concat([tf.zeros_like(z), z], axis=1)


def _log_odds(p: Any) -> Any:
    return _two_logits(_log(p) - _log(1 - p))
