"""A loaded model as the attacks see it: logits and input gradients of NumPy arrays.

Passes have a few fixed sizes, filled up with zeros, which all give the same bits (same_bits.py), so
that an image's result depends neither on how many images came with it nor on which ones.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.image.pixels import Images
from core.models.fast.compiled import compiled
from core.models.fast.frozen import Weights
from core.models.fast.gradients import fast_gradients, input_gradient
from core.models.inference.logits import logits_function

Loss = Literal["cross_entropy", "margin"]


class Classifier(Protocol):
    """What an attack needs of a model."""

    batch_size: int
    classes: int

    def logits(self, images: Images) -> NDArray[np.float32]:
        """Logits (n, classes) of any number of images (n, H, W, C)."""
        ...

    def gradient(self, images: Images, labels: NDArray[np.int64], loss: Loss) -> tuple[NDArray[np.float32], Images]:
        """Logits (n, classes) and the gradient (n, H, W, C) of the loss of at most ``batch_size`` images.

        cross_entropy is -log softmax(z)[y], margin is max(z[j], j != y) - z[y]; both grow as the
        prediction moves away from the label y.
        """
        ...

    def rivals(
        self, images: Images, labels: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], Images]:
        """The classes k of the ``count`` largest logits besides the label y, largest first, and how to get to each.

        Of at most ``batch_size`` images: logits (n, classes), rivals k (n, count), and the gradients
        (n, count, H, W, C) of z[k] - z[y]. ``count`` is less than ``classes``.
        """
        ...


def predict(classifier: Classifier, images: Images) -> NDArray[np.int64]:
    """The class (n,) with the largest logit."""
    return np.asarray(classifier.logits(images).argmax(axis=1), np.int64)


class KerasClassifier:
    """A keras.Model behind the Classifier protocol.

    sizes: the numbers of images that a pass can have, up to the batch size; fewer images are filled up
    to the next of them. Raises ModelError where the output can't be read as (N, classes).
    """

    def __init__(self, model: Any, image_shape: tuple[int, ...], batch_size: int) -> None:
        import tensorflow as tf

        self.batch_size = batch_size
        self.sizes: tuple[int, ...] = (batch_size,)
        self.image_shape = image_shape
        self.classes = check_shapes(model, image_shape)
        logits = tensor_logits(model, image_shape)
        weights = Weights(model)
        x_spec, y_spec = tf.TensorSpec((None, *image_shape), tf.float32), tf.TensorSpec((None,), tf.int64)

        def forward(x: Any) -> Any:
            with weights.as_constants():
                return logits(x)

        def backward(loss: Loss, x: Any, y: Any) -> Any:
            with weights.as_constants(), fast_gradients():
                z = logits(x)
                return z, input_gradient(_LOSSES[loss](z, y), x)

        def towards_rivals(count: int, x: Any, y: Any) -> Any:
            with weights.as_constants(), fast_gradients():
                z = logits(x)
                own = tf.one_hot(y, self.classes)
                found = tf.math.top_k(tf.where(own > 0, tf.float32.min, z), count, index_type=tf.int64).indices
                # One forward pass, and a backward pass for each: of the same shapes as those of ``backward``.
                upstream = tf.unstack(tf.one_hot(found, self.classes) - own[:, None], axis=1)
                return z, found, tf.stack([input_gradient(z, x, each) for each in upstream], axis=1)

        # Traced when they are first needed: few runs need both losses.
        self._forward = cache(lambda: compiled(forward, x_spec))
        self._backward = cache(lambda loss: compiled(partial(backward, loss), x_spec, y_spec))
        self._rivals = cache(lambda count: compiled(partial(towards_rivals, count), x_spec, y_spec))

    def logits(self, images: Images) -> NDArray[np.float32]:
        """See Classifier."""
        found = np.empty((len(images), self.classes), np.float32)
        for start in range(0, len(images), self.batch_size):
            chunk = images[start : start + self.batch_size]
            (z,) = self._forward()(self._filled(chunk))
            found[start : start + len(chunk)] = z[: len(chunk)]
        return found

    def gradient(self, images: Images, labels: NDArray[np.int64], loss: Loss) -> tuple[NDArray[np.float32], Images]:
        """See Classifier."""
        logits, gradient = self._backward(loss)(self._filled(images), self._filled(labels))
        return logits[: len(images)], gradient[: len(images)]

    def rivals(
        self, images: Images, labels: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], Images]:
        """See Classifier."""
        logits, rivals, gradients = self._rivals(count)(self._filled(images), self._filled(labels))
        return logits[: len(images)], rivals[: len(images)], gradients[: len(images)]

    def _filled(self, rows: NDArray[Any]) -> NDArray[Any]:
        """``rows`` with zeros behind them, up to the next size of a pass."""
        missing = min(size for size in self.sizes if size >= len(rows)) - len(rows)
        return np.concatenate([rows, np.zeros((missing, *rows.shape[1:]), rows.dtype)]) if missing else rows


def tensor_logits(model: Any, image_shape: tuple[int, ...]) -> Callable[[Any], Any]:
    """The model as a function from tensors of images to float32 tensors of logits, differentiable."""
    import tensorflow as tf

    logits, how = logits_function(model)
    probabilities = how == "output" and _gives_probabilities(model, image_shape)

    def read(x: Any) -> Any:
        z = tf.cast(logits(x), tf.float32)
        # Probabilities from a tail that can't be taken apart: the logits up to a constant.
        return tf.math.log(tf.maximum(z, 1e-37)) if probabilities else z

    return read


def check_shapes(model: Any, image_shape: tuple[int, ...]) -> int:
    """The number of classes of a model that takes images of this shape; raises ModelError."""
    inputs, outputs = model.inputs or [], model.outputs or []
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            "a model with one input and one output",
            f"{len(inputs)} inputs and {len(outputs)} outputs",
            "wrap it in a functional keras.Model with one of each",
        )
    wanted, given = tuple(inputs[0].shape), (None, *image_shape)
    fits = len(wanted) == len(given) and all(
        w is None or g is None or w == g for w, g in zip(wanted, given, strict=True)
    )
    if not fits:
        raise ModelError(
            f"a model that takes images of shape {image_shape}",
            f"one that takes {wanted[1:]}",
            "give a model and a data set that fit, or put a reshaping layer in front of the model",
        )
    out = tuple(outputs[0].shape)
    if len(out) != 2 or out[1] is None or out[1] < 2:
        raise ModelError(
            "a model whose output is (N, classes) with 2 classes or more",
            f"output {out}",
            "let the model end in one probability or logit per class",
        )
    return int(out[1])


def _gives_probabilities(model: Any, image_shape: tuple[int, ...]) -> bool:
    sample = np.random.default_rng(0).random((4, *image_shape), np.float32)
    output = np.asarray(model(sample, training=False))
    return bool((output >= 0).all() and np.allclose(output.sum(axis=1), 1, atol=1e-3))


def _cross_entropy(z: Any, y: Any) -> Any:
    import tensorflow as tf

    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z)


def _margin(z: Any, y: Any) -> Any:
    import tensorflow as tf

    own = tf.one_hot(y, tf.shape(z)[1], on_value=True, off_value=False, dtype=tf.bool)
    best_other = tf.reduce_max(tf.where(own, tf.float32.min, z), axis=1)
    return best_other - tf.reduce_max(tf.where(own, z, tf.float32.min), axis=1)


_LOSSES: dict[Loss, Callable[[Any, Any], Any]] = {"cross_entropy": _cross_entropy, "margin": _margin}
