"""A loaded model as the attacks see it: logits and input gradients of NumPy arrays.

A pass has one of a few fixed sizes, padded with zeros, which all give the same bits (batch_invariance.py), so
that an image's result depends neither on the number of images in the pass nor on which they are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Images
from core.models.fast.compiled import Program
from core.models.fast.frozen import Weights
from core.models.fast.gradients import fast_gradients, input_gradient
from core.models.inference import losses
from core.models.inference.preprocessing import NO_PREPROCESSING, Preprocessing
from core.models.inference.reading import read_model
from core.runtime.bfloat16 import Precision

Loss = Literal["cross_entropy", "margin", "dlr"]
TargetedLoss = Literal["margin", "dlr"]


class Classifier(Protocol):
    """What an attack needs of a model. Attacks count an image's passes by the calls that the image is in.

    exact: whether the logits that come with a gradient are those of ``logits``. If not, only ``logits`` may decide
    whether an image has flipped.
    """

    batch_size: int
    classes: int
    exact: bool

    def logits(self, images: Images) -> NDArray[np.float32]:
        """Logits (n, classes) of any number of images (n, H, W, C): one forward pass each."""
        ...

    def gradient(self, images: Images, labels: NDArray[np.int64], loss: Loss) -> tuple[NDArray[np.float32], Images]:
        """Logits (n, classes) and the gradient (n, H, W, C) of the loss of at most ``batch_size`` images.

        One forward and one backward pass each.

        cross_entropy is -log softmax(z)[y], margin is max(z[j], j != y) - z[y], and dlr, for three classes or more,
        is margin / (z[1st] - z[3rd]), with the largest and the third-largest logit (Croce and Hein 2020, arXiv
        2003.01690, equation 6). They grow as the prediction moves away from the label y.
        """
        ...

    def towards(
        self, images: Images, labels: NDArray[np.int64], targets: NDArray[np.int64], loss: TargetedLoss
    ) -> tuple[NDArray[np.float32], Images]:
        """Like ``gradient``, of a loss that grows on the way from the label y to one other class t.

        margin is z[t] - z[y], and dlr, for four classes or more, is margin / (z[1st] - (z[3rd] + z[4th]) / 2)
        (equation 7). The gradient of the margin is always exact, for attacks that look for the boundary itself.
        """
        ...

    def rivals(
        self, images: Images, labels: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], Images]:
        """The classes k of the ``count`` largest logits besides the label y, largest first, with their gradients.

        Of at most ``batch_size`` images: logits (n, classes), rivals k (n, count), and the gradients
        (n, count, H, W, C) of z[k] - z[y]; one forward and ``count`` backward passes each. ``count`` is less than
        ``classes``.
        """
        ...


def predict(classifier: Classifier, images: Images) -> NDArray[np.int64]:
    """The class (n,) with the largest logit."""
    return np.asarray(classifier.logits(images).argmax(axis=1), np.int64)


class KerasClassifier:
    """A keras.Model behind the Classifier protocol.

    sizes: the numbers of images that a pass can have, up to the batch size; fewer images are padded to the
    next of them. reading: how the model is read. preprocessing: what is applied to the pixels first. precision: of
    ``gradient`` and ``towards``; ``logits``, ``rivals`` and the margin of ``towards`` compute in float32. Raises
    InputError if the model is not a classifier of such images.
    """

    def __init__(
        self,
        model: Any,
        image_shape: tuple[int, ...],
        batch_size: int,
        preprocessing: Preprocessing = NO_PREPROCESSING,
        precision: Precision = "float32",
    ) -> None:
        import tensorflow as tf

        self.batch_size, self.exact = batch_size, precision == "float32"
        self.sizes: tuple[int, ...] = (batch_size,)
        self.image_shape = image_shape
        self.reading = read_model(model, image_shape)
        self.classes = self.reading.shapes.classes
        preprocessing.check(image_shape)

        def logits(x: Any) -> Any:
            return self.reading.logits(preprocessing(x))

        weights, program = Weights(model), Program()
        gradients = program if self.exact else Program(bfloat16=True)
        x_spec, y_spec = tf.TensorSpec((None, *image_shape), tf.float32), tf.TensorSpec((None,), tf.int64)

        def forward(x: Any) -> Any:
            with weights.in_graph():
                return logits(x)

        def backward(loss: Loss, x: Any, y: Any) -> Any:
            with weights.in_graph(), fast_gradients():
                z = logits(x)
                return z, input_gradient(_LOSSES[loss](z, y), x)

        def towards(loss: TargetedLoss, x: Any, y: Any, t: Any) -> Any:
            with weights.in_graph(), fast_gradients():
                z = logits(x)
                return z, input_gradient(_TOWARDS[loss](z, y, t), x)

        def towards_rivals(count: int, x: Any, y: Any) -> Any:
            with weights.in_graph(), fast_gradients():
                z = logits(x)
                own = tf.one_hot(y, self.classes)
                found = tf.math.top_k(tf.where(own > 0, tf.float32.min, z), count, index_type=tf.int64).indices
                # One forward pass, and a backward pass for each: of the same shapes as those of ``backward``.
                upstream = tf.unstack(tf.one_hot(found, self.classes) - own[:, None], axis=1)
                return z, found, tf.stack([input_gradient(z, x, each) for each in upstream], axis=1)

        # Traced on first use: few runs need all losses.
        self._forward = cache(lambda: program.compiled(forward, x_spec))
        self._backward = cache(lambda loss: gradients.compiled(partial(backward, loss), x_spec, y_spec))
        self._towards = cache(
            lambda loss: (program if loss == "margin" else gradients).compiled(
                partial(towards, loss), x_spec, y_spec, y_spec
            )
        )
        self._rivals = cache(lambda count: program.compiled(partial(towards_rivals, count), x_spec, y_spec))

    def logits(self, images: Images) -> NDArray[np.float32]:
        """See Classifier."""
        found = np.empty((len(images), self.classes), np.float32)
        for start in range(0, len(images), self.batch_size):
            chunk = images[start : start + self.batch_size]
            (z,) = self._forward()(self._padded(chunk))
            found[start : start + len(chunk)] = z[: len(chunk)]
        return found

    def gradient(self, images: Images, labels: NDArray[np.int64], loss: Loss) -> tuple[NDArray[np.float32], Images]:
        """See Classifier."""
        logits, gradient = self._backward(loss)(self._padded(images), self._padded(labels))
        return logits[: len(images)], gradient[: len(images)]

    def towards(
        self, images: Images, labels: NDArray[np.int64], targets: NDArray[np.int64], loss: TargetedLoss
    ) -> tuple[NDArray[np.float32], Images]:
        """See Classifier."""
        logits, gradient = self._towards(loss)(self._padded(images), self._padded(labels), self._padded(targets))
        return logits[: len(images)], gradient[: len(images)]

    def rivals(
        self, images: Images, labels: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], Images]:
        """See Classifier."""
        logits, rivals, gradients = self._rivals(count)(self._padded(images), self._padded(labels))
        return logits[: len(images)], rivals[: len(images)], gradients[: len(images)]

    def _padded(self, rows: NDArray[Any]) -> NDArray[Any]:
        """``rows`` padded with zeros to the next size of a pass."""
        missing = min(size for size in self.sizes if size >= len(rows)) - len(rows)
        return np.concatenate([rows, np.zeros((missing, *rows.shape[1:]), rows.dtype)]) if missing else rows


def tensor_logits(model: Any, image_shape: tuple[int, ...]) -> Callable[[Any], Any]:
    """The model as a function from tensors of images to float32 tensors of logits, differentiable."""
    return read_model(model, image_shape).logits


_LOSSES: dict[Loss, Callable[[Any, Any], Any]] = {
    "cross_entropy": losses.cross_entropy,
    "margin": losses.margin,
    "dlr": losses.dlr,
}
_TOWARDS: dict[TargetedLoss, Callable[[Any, Any, Any], Any]] = {
    "margin": losses.margin_towards,
    "dlr": losses.dlr_towards,
}
