"""Constant factors of the gradient, such as batch normalisation's, are moved into the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.models.fast.constants import is_computed_once, is_constant
from core.models.fast.gradients import fast_gradients, input_gradient
from core.models.inference.batch_invariance import position_free
from core.models.inference.classifier import KerasClassifier

pytestmark = pytest.mark.usefixtures("one_thread")
Function = Callable[[Any], Any]


def whole(seed: int, *shape: int) -> np.ndarray:
    """Small whole numbers: their sums of products are exact in float32."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float32)


def gradients(function: Function, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The input gradient of a weighted sum of function(x): ours, TensorFlow's, and how often ours multiplies images."""
    import tensorflow as tf

    def weights(images: Any, out: Any) -> Any:
        return tf.tile(tf.constant(whole(5, 1, *out.shape[1:])), [tf.shape(images)[0], 1, 1, 1])

    products: list[int] = []

    def ours(images: Any) -> Any:
        with fast_gradients():
            out = function(images)
            found = input_gradient(out, images, weights(images, out))
        multiplied = [op.outputs[0].shape.as_list() for op in ancestors(found) if op.type == "Mul"]
        products.append(len([shape for shape in multiplied if len(shape) == 4 and shape[0] is None]))
        return found

    def theirs(images: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            out = function(images)
        return tape.gradient(out, images, weights(images, out))

    fast = tf.function(ours, autograph=False).get_concrete_function(tf.TensorSpec((None, *x.shape[1:])))
    return np.asarray(fast(tf.constant(x))), np.asarray(theirs(tf.constant(x))), products[0]


def ancestors(tensor: Any) -> set[Any]:
    """All operations that a tensor is computed from."""
    found: set[Any] = set()
    left = [tensor.op]
    while left:
        op = left.pop()
        if op not in found:
            found.add(op)
            left += [each.op for each in op.inputs]
    return found


@pytest.mark.slow
@settings(max_examples=25)
@given(
    st.integers(5, 9), st.integers(5, 16), st.sampled_from([1, 2, 3, 5]), st.sampled_from([1, 3, 16]),
    st.integers(1, 2), st.sampled_from(["VALID", "SAME"]), st.booleans(), st.booleans(),
)  # fmt: skip
def test_a_factor_per_channel_behind_a_convolution(
    height: int, width: int, side: int, channels: int, stride: int, padding: str, depthwise: bool, first: bool
) -> None:
    import tensorflow as tf

    kernel, factor = whole(1, side, side, channels, 2), whole(2, 2 * channels if depthwise else 2)

    def function(images: Any) -> Any:
        if depthwise:
            out = tf.nn.depthwise_conv2d(images, kernel, [1, stride, stride, 1], padding)
        else:
            out = tf.nn.conv2d(images, kernel, stride, padding)
        # A Const in its way that depends on constants alone, as normalisation's does.
        scale = tf.constant(factor) * 2.0
        return scale * out if first else out * scale

    fast, slow, products = gradients(function, whole(0, 3, height, width, channels))
    np.testing.assert_array_equal(fast, slow)
    assert products == 0


@pytest.mark.parametrize("kind", ["scalar", "by place", "of the images", "kernel of the images", "channels first"])
def test_other_factors_stay_where_they_are(kind: str) -> None:
    import tensorflow as tf

    kernel = whole(1, 3, 3, 4, 6)

    def function(images: Any) -> Any:
        if kind == "kernel of the images":
            made = kernel * tf.reduce_sum(images)
            return tf.nn.conv2d(images, made, 1, "SAME") * whole(2, 6)
        if kind == "channels first":
            out = tf.nn.conv2d(images, kernel, 1, "SAME")
            return tf.transpose(tf.transpose(out, (0, 3, 1, 2)) * whole(2, 6), (0, 2, 3, 1))
        factors = {
            "scalar": tf.constant(3.0),
            "by place": tf.constant(whole(2, 6, 6, 6)),
            "of the images": tf.reduce_sum(images, axis=(0, 1, 2))[0] * whole(2, 6),
        }
        return tf.nn.conv2d(images, kernel, 1, "SAME") * factors[kind]

    fast, slow, products = gradients(function, whole(0, 2, 6, 6, 4))
    np.testing.assert_allclose(fast, slow, rtol=1e-5)
    assert products > 0


def test_an_output_gradient_of_unknown_shape() -> None:
    import tensorflow as tf

    kernel, factor = whole(1, 3, 3, 4, 6), whole(2, 6)

    def gradient(images: Any, upstream: Any) -> Any:
        with fast_gradients():
            return input_gradient(tf.nn.conv2d(images, kernel, 1, "SAME") * factor, images, upstream)

    specs = tf.TensorSpec((None, 6, 6, 4)), tf.TensorSpec(None)
    traced = tf.function(gradient, autograph=False).get_concrete_function(*specs)
    x, upstream = tf.constant(whole(0, 2, 6, 6, 4)), tf.constant(whole(3, 2, 6, 6, 6))
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = tf.nn.conv2d(x, kernel, 1, "SAME") * factor
    np.testing.assert_array_equal(traced(x, upstream), tape.gradient(out, x, upstream))


def test_constants_are_told_from_what_changes() -> None:
    import tensorflow as tf

    with tf.Graph().as_default():
        constant = tf.math.rsqrt(tf.constant([1.0, 2.0]) + 1e-3) * [3.0, 4.0]
        images = tf.compat.v1.placeholder(tf.float32, (2,))
        assert is_constant(constant)
        assert not is_constant(constant * images)
        assert not is_constant(images)
        assert not is_constant(tf.random.uniform((2,)))
        assert is_computed_once(constant)
        assert not is_computed_once(
            tf.zeros((3, 3, 1024, 1024))
        )  # TensorFlow would compute what is made of it each time


def test_an_image_s_bits_do_not_depend_on_its_place_and_the_gradient_is_keras_own() -> None:
    import keras
    import tensorflow as tf
    from keras import layers

    keras.utils.set_random_seed(3)
    entry = keras.Input((20, 20, 3))
    h: Any = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(32, 3, 2, padding="same")(entry)))
    for stride in (1, 2):
        h = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(h)
        h = layers.ReLU(6.0)(layers.BatchNormalization()(h))
        h = layers.BatchNormalization()(layers.Conv2D(48, 1, use_bias=False)(h))
        h = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same")(h)))
    model = keras.Model(entry, layers.Dense(5)(layers.GlobalAveragePooling2D()(h)))
    rng = np.random.default_rng(4)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    classifier = KerasClassifier(model, (20, 20, 3), 8)
    assert position_free(classifier, (20, 20, 3))
    x, y = rng.random((8, 20, 20, 3), np.float32), np.arange(8) % 5
    _, fast = classifier.gradient(x, y, "cross_entropy")
    with tf.GradientTape() as tape:
        images = tf.constant(x)
        tape.watch(images)
        loss = keras.losses.sparse_categorical_crossentropy(y, model(images, training=False), from_logits=True)
    slow = np.asarray(tape.gradient(loss, images))
    np.testing.assert_allclose(fast, slow, rtol=1e-4, atol=1e-5 * np.abs(slow).max())
