"""The gradients of the traced graphs against TensorFlow's own, on models and on single operations."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.models.fast import convolution
from core.models.fast.gradients import fast_gradients, input_gradient
from core.models.fast.strided import Strided
from core.models.inference.classifier import KerasClassifier

pytestmark = pytest.mark.usefixtures("one_thread")


def both(function: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, set[str]]:
    """The input gradient of the sum of function(x): ours, TensorFlow's, and the operations in our graph."""
    import tensorflow as tf

    def ours(images: Any) -> Any:
        with fast_gradients():
            return input_gradient(function(images), images)

    def theirs(images: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            out = function(images)
        return tape.gradient(out, images)

    fast = tf.function(ours, autograph=False).get_concrete_function(tf.TensorSpec((None, *x.shape[1:])))
    slow = tf.function(theirs, autograph=False)
    kinds = {operation.type for operation in fast.graph.get_operations()}
    return np.asarray(fast(tf.constant(x))), np.asarray(slow(tf.constant(x))), kinds


def whole(seed: int, *shape: int) -> np.ndarray:
    """Small whole numbers: their sums of products are exact in float32."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float32)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    st.integers(5, 14), st.integers(5, 14), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3),
    st.sampled_from(["valid", "same"]), st.integers(1, 2), st.sampled_from(["strided", "product", "cheapest"]),
)  # fmt: skip
def test_convolutions_of_keras(
    height: int, width: int, rows: int, columns: int, channels: int, stride: int, padding: str, dilation: int,
    form: str,
) -> None:  # fmt: skip
    from keras import ops

    x, kernel = whole(0, 2, height, width, channels), whole(1, rows, columns, channels, 5)
    if dilation > 1 and (padding == "valid" and dilation * (max(rows, columns) - 1) >= min(height, width)):
        dilation = 1

    def convolve(images: Any) -> Any:
        out = ops.conv(images, kernel, stride if dilation == 1 else 1, padding, dilation_rate=dilation)
        return ops.sum(out * ops.cast(ops.arange(5), "float32"))

    with ExitStack() as stack:
        if form != "cheapest":
            stack.enter_context(patch.object(convolution, "_WORTH", np.inf))
        if form == "strided":
            stack.enter_context(patch.object(convolution, "MOVED", np.inf))  # which the product needs
        if form == "product":
            stack.enter_context(patch.object(Strided, "cheapest", return_value=None))
        fast, slow, _ = both(convolve, x)
    np.testing.assert_array_equal(fast, slow)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "channels", "outputs", "expected"),
    [
        (28, 5, 1, 1, 1, 32, 4),  # the shipped cnn
        (32, 3, 1, 1, 3, 32, 2),
        (229, 7, 2, 1, 3, 64, 2),
        (224, 16, 16, 1, 3, 192, "product"),
        (225, 3, 2, 1, 3, 32, "product"),
        (64, 3, 1, 1, 3, 64, "product"),
        (64, 3, 1, 2, 3, 64, "own"),  # TensorFlow has no product for dilated kernels
        (32, 5, 1, 1, 8, 64, "own"),
        (10, 3, 1, 1, 16, 64, "own"),
    ],
)
def test_the_first_layers_of_usual_models_take_the_form_that_was_fastest(
    size: int, kernel: int, stride: int, dilation: int, channels: int, outputs: int, expected: int | str
) -> None:
    import tensorflow as tf

    with tf.Graph().as_default():
        images = tf.compat.v1.placeholder(tf.float32, (None, size, size, channels))
        weights = tf.ones((kernel, kernel, channels, outputs))
        form = convolution.form_of(tf.nn.conv2d(images, weights, stride, "VALID", dilations=dilation).op)
    found = form.pixels if isinstance(form, Strided) else "product" if form else "own"
    assert found == expected


@pytest.mark.parametrize(
    ("images", "kernel"),
    [((None, 28, 28, 2), (5, 5, 1, 32)), ((None, None, 28, 1), (5, 5, 1, 32))],
    ids=["groups", "a height that is not known"],
)
def test_what_no_form_covers_is_left_to_tensorflow(images: Any, kernel: Any) -> None:
    import tensorflow as tf

    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, images)
        assert convolution.form_of(tf.nn.conv2d(x, tf.ones(kernel), 1, "VALID").op) == {}


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
@pytest.mark.parametrize("least", ["strided", "product"])
def test_dilated_kernels(padding: str, least: str) -> None:
    """Of TensorFlow's own operation: Keras takes the images apart instead."""
    import tensorflow as tf

    x, kernel = whole(0, 2, 13, 12, 2), whole(1, 3, 4, 2, 5)

    def convolve(images: Any) -> Any:
        return tf.nn.conv2d(images, kernel, 1, padding, dilations=(2, 3))

    # Whatever the product would take, were there one.
    moved = np.inf if least == "strided" else 0
    with patch.object(convolution, "MOVED", moved), patch.object(convolution, "_WORTH", np.inf):
        fast, slow, kinds = both(convolve, x)
    assert "AddN" in kinds
    np.testing.assert_array_equal(fast, slow)


def test_explicit_padding_and_groups_and_a_kernel_made_of_the_images() -> None:
    import tensorflow as tf

    x = whole(0, 2, 9, 9, 1)
    kernel = whole(1, 5, 5, 1, 32)

    def padded(images: Any) -> Any:
        return tf.nn.conv2d(images, kernel, 1, [[0, 0], [2, 1], [0, 2], [0, 0]])

    for dear in (0, np.inf):
        with patch.object(convolution, "MOVED", dear):
            fast, slow, kinds = both(padded, x)
        assert ("AddN" in kinds) == bool(dear)  # in the strided form
        np.testing.assert_array_equal(fast, slow)

    def of_images(images: Any) -> Any:
        made = tf.reshape(tf.reduce_sum(images, axis=0)[:3, :3], (3, 3, 1, 1))
        return tf.nn.conv2d(images, made, 1, "VALID")

    fast, slow, _ = both(of_images, x)
    np.testing.assert_array_equal(fast, slow)

    def depthwise(images: Any) -> Any:
        return tf.nn.depthwise_conv2d(images, whole(2, 3, 3, 4, 2), [1, 1, 1, 1], "SAME")

    fast, slow, _ = both(depthwise, whole(3, 2, 6, 6, 4))
    np.testing.assert_array_equal(fast, slow)


def test_an_output_gradient_whose_size_is_not_known_in_advance() -> None:
    import tensorflow as tf

    kernel = whole(1, 5, 5, 1, 32)

    def gradient(images: Any, upstream: Any) -> Any:
        with fast_gradients(), patch.object(convolution, "MOVED", np.inf):
            return input_gradient(tf.nn.conv2d(images, kernel, 1, "VALID"), images, upstream)

    specs = tf.TensorSpec((None, 9, 9, 1)), tf.TensorSpec((None, None, None, None))
    traced = tf.function(gradient, autograph=False).get_concrete_function(*specs)
    x, upstream = whole(0, 2, 9, 9, 1), whole(2, 2, 5, 5, 32)
    with tf.GradientTape() as tape:
        images = tf.Variable(x)
        out = tf.nn.conv2d(images, kernel, 1, "VALID")
    expected = tape.gradient(out, images, upstream)
    np.testing.assert_array_equal(traced(tf.constant(x), tf.constant(upstream)), expected)


def pooled(after_relu: bool, window: int, stride: int, padding: str, more: bool) -> Any:
    import tensorflow as tf

    def function(images: Any) -> Any:
        before = tf.nn.relu(images) if after_relu else images
        out = tf.nn.max_pool2d(before, window, stride, padding)
        weights = tf.reshape(tf.range(1.0, tf.cast(tf.size(out), tf.float32) + 1), tf.shape(out))
        total = tf.reduce_sum(out * weights)
        return total + tf.reduce_sum(before * 0.5) if more else total

    return function


@pytest.mark.slow
@given(
    st.booleans(), st.integers(1, 3), st.integers(1, 3), st.sampled_from(["VALID", "SAME"]), st.booleans(),
    st.integers(0, 10**6),
)  # fmt: skip
def test_pooling_with_and_without_a_relu_before_it(
    after_relu: bool, window: int, stride: int, padding: str, more: bool, seed: int
) -> None:
    # Whole numbers: many ties, zeros among them.
    fast, slow, _ = both(pooled(after_relu, window, stride, padding, more), whole(seed, 2, 7, 6, 3))
    np.testing.assert_array_equal(fast, slow)


def test_the_relu_is_masked_where_the_values_are_fewer() -> None:
    import tensorflow as tf

    def masked(images: Any) -> list[Any]:
        with fast_gradients():
            gradient = input_gradient(pooled(True, 2, 2, "VALID", False)(images), images)
        return [op.inputs[0].shape[1] for op in gradient.graph.get_operations() if op.type == "ReluGrad"]

    found: list[Any] = []
    tf.function(lambda images: found.extend(masked(images)), autograph=False).get_concrete_function(
        tf.TensorSpec((None, 8, 8, 1))
    )
    assert found == [4]


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_products_of_matrices(left: bool, right: bool, second: bool) -> None:
    """With the images as the first or the second factor, either one transposed."""
    import tensorflow as tf

    x = whole(0, 4, 5)
    shared = 4 if (right if second else left) != second else 5  # the side that is summed over
    shape = (3, shared) if second else (shared, 3)
    constant = whole(1, *(shape[::-1] if (left if second else right) else shape))

    def function(images: Any) -> Any:
        a, b = (constant, images) if second else (images, constant)
        out = tf.raw_ops.MatMul(a=a, b=b, transpose_a=left, transpose_b=right)
        return out * tf.reshape(tf.range(1.0, tf.cast(tf.size(out), tf.float32) + 1), tf.shape(out))

    fast, slow, _ = both(function, x)
    np.testing.assert_array_equal(fast, slow)


def small_model(image: tuple[int, int, int], normalised: bool) -> Any:
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    entry = keras.Input(image)
    h: Any = entry
    for width in (8, 16):
        h = layers.Conv2D(width, 3, padding="same", use_bias=not normalised)(h)
        if normalised:
            h = layers.BatchNormalization()(h)
        h = layers.Activation("relu")(h)
        h = layers.Dropout(0.5)(h)
        side = layers.Conv2D(width, 1)(h)
        h = layers.MaxPooling2D(2)(layers.Add()([h, side]))
    h = layers.Dense(20, activation="relu")(layers.Flatten()(h))
    model = keras.Model(entry, layers.Dense(5, activation="softmax")(h))
    rng = np.random.default_rng(2)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return model


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("image", [(14, 14, 1), (12, 10, 3)])
def test_whole_models_and_nothing_of_theirs_changes(image: tuple[int, int, int], normalised: bool) -> None:
    import keras
    import tensorflow as tf

    model = small_model(image, normalised)
    # A layer's calls on symbolic tensors; Keras has no public count of them.
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    before = model.to_json(), [weight.copy() for weight in model.get_weights()]
    classifier = KerasClassifier(model, image, 6)
    x, y = np.random.default_rng(0).random((6, *image), np.float32), np.arange(6) % 5
    logits, gradient = classifier.gradient(x, y, "cross_entropy")
    with tf.GradientTape() as tape:
        images = tf.constant(x)
        tape.watch(images)
        probabilities = model(images, training=False)
        loss = keras.losses.sparse_categorical_crossentropy(y, probabilities)
    own = np.asarray(tape.gradient(loss, images))
    np.testing.assert_allclose(gradient, own, rtol=1e-4, atol=1e-5 * np.abs(own).max())
    np.testing.assert_allclose(np.asarray(tf.nn.softmax(logits)), np.asarray(probabilities), atol=1e-6)
    assert model.to_json() == before[0]
    assert [len(layer._inbound_nodes) for layer in model.layers] == nodes
    for now, then in zip(model.get_weights(), before[1], strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("small", [0, 1 << 10])
def test_the_large_weights_of_a_large_model_are_variables(monkeypatch: pytest.MonkeyPatch, small: int) -> None:
    model = small_model((12, 12, 1), True)
    x, y = np.random.default_rng(0).random((4, 12, 12, 1), np.float32), np.zeros(4, np.int64)
    folded = KerasClassifier(model, (12, 12, 1), 4)
    monkeypatch.setattr("core.models.fast.frozen.MAX_CONSTANT_BYTES", 0)
    monkeypatch.setattr("core.models.fast.frozen.MAX_SMALL_BYTES", small)
    kept = KerasClassifier(model, (12, 12, 1), 4)
    for theirs, ours in zip(folded.gradient(x, y, "margin"), kept.gradient(x, y, "margin"), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(kept.logits(x), folded.logits(x), rtol=1e-4, atol=1e-5)
