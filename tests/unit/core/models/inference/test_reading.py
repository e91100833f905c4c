"""How models are read: one output or several, channels first or last, half precision, any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.errors import ModelError
from core.models.inference.batch_invariance import settle
from core.models.inference.classifier import KerasClassifier
from core.models.inference.reading import ONE_LOGIT, OWN_SIGMOIDS, SATURATES, read_model

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (4, 5, 1)
PIXELS = 20
RNG = np.random.default_rng(3)
W, B = RNG.normal(size=(PIXELS, 1)).astype(np.float32), np.float32(0.3)


def images(count: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(1).random((count, *shape), np.float32)


def linear(ending: str) -> Any:
    """z = w.x + b, with a sigmoid in one of several places."""
    import keras
    from keras import layers, ops

    dense = layers.Dense(1, activation="sigmoid" if ending in {"dense", "squeezed", "nested", "hidden"} else None)
    entry = keras.Input(SHAPE)
    flat = layers.Flatten()(entry)
    if ending == "nested":
        inner = keras.Sequential([keras.Input((PIXELS,)), dense])
        y = inner(flat)
    else:
        y = dense(flat)
    if ending == "activation":
        y = layers.Activation("sigmoid")(y)
    if ending == "squeezed":
        y = ops.squeeze(y, axis=1)
    if ending == "logit squeezed":
        y = ops.squeeze(y, axis=1)
    if ending == "hidden":
        y = layers.Rescaling(1.0)(y)
    dense.set_weights([W, np.array([B])])
    return keras.Model(entry, y)


def expected(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), PIXELS).astype(np.float64) @ W[:, 0].astype(np.float64) + B


@pytest.mark.parametrize(
    ("ending", "output"),
    [
        ("dense", "one sigmoid"),
        ("activation", "one sigmoid"),
        ("nested", "one sigmoid"),
        ("squeezed", "one sigmoid"),
        ("linear", "one logit"),
        ("logit squeezed", "one logit"),
        ("hidden", "probabilities"),
    ],
)
def test_a_single_output_is_two_classes(ending: str, output: str) -> None:
    """The logits are (0, z), and the losses have the gradients of logistic regression."""
    model = linear(ending)
    reading = read_model(model, SHAPE)
    notes = {"one logit": (ONE_LOGIT,), "probabilities": (SATURATES,), "one sigmoid": ()}
    assert (reading.output, reading.notes, reading.shapes.classes) == (output, notes[output], 2)
    classifier = KerasClassifier(model, SHAPE, 6)
    x, labels = images(6), np.array([0, 1, 0, 1, 0, 1])
    z = expected(x)
    np.testing.assert_allclose(classifier.logits(x), np.stack([np.zeros(6), z], axis=1), atol=2e-6)
    towards = np.where(labels == 0, 1.0, -1.0)  # the direction of z away from the label
    for loss, share in (("cross_entropy", 1 / (1 + np.exp(-towards * z))), ("margin", np.ones(6))):
        _, gradient = classifier.gradient(x, labels, loss)  # type: ignore[arg-type]
        by_hand = (towards * share)[:, None] * W[:, 0].astype(np.float64)
        np.testing.assert_allclose(gradient.reshape(6, PIXELS), by_hand, rtol=1e-4, atol=1e-6)


def test_a_saturated_sigmoid_still_has_a_gradient() -> None:
    model = linear("dense")
    model.layers[-1].set_weights([1000 * W, np.array([B])])
    x = images(4)
    assert set(np.asarray(model(x)).ravel()) <= {0.0, 1.0}
    labels = (1000 * (expected(x) - B) + B > 0).astype(np.int64)
    _, gradient = KerasClassifier(model, SHAPE, 4).gradient(x, labels, "margin")
    assert gradient.any(axis=(1, 2, 3)).all()


def test_a_softmax_over_one_output_is_no_classifier() -> None:
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(1, activation="softmax")])
    with pytest.raises(ModelError, match="which is always 1"):
        read_model(model, SHAPE)


def test_a_sigmoid_per_class_comes_off() -> None:
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(3, activation="sigmoid")])
    reading = read_model(model, SHAPE)
    assert (reading.output, reading.notes) == ("logits", (OWN_SIGMOIDS,))
    x = images(5)
    p = np.asarray(model(x), np.float64)
    np.testing.assert_allclose(KerasClassifier(model, SHAPE, 5).logits(x), np.log(p / (1 - p)), atol=1e-4)


def convolutional(data_format: str, channels: int = 3, size: tuple[int | None, ...] = (8, 10)) -> Any:
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    first = data_format == "channels_first"
    shape = (channels, *size) if first else (*size, channels)
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(6, 3, activation="relu", data_format=data_format),
            layers.BatchNormalization(axis=1 if first else -1),
            layers.MaxPooling2D(2, data_format=data_format),
            layers.GlobalAveragePooling2D(data_format=data_format),
            layers.Dense(4, activation="softmax"),
        ]
    )


def test_a_channels_first_model_takes_the_same_images() -> None:
    last, first = convolutional("channels_last"), convolutional("channels_first")
    first.set_weights(last.get_weights())
    shape = (8, 10, 3)
    reading = read_model(first, shape)
    assert (reading.shapes.layout, reading.shapes.input_shape) == ("channels first", shape)
    assert read_model(last, shape).shapes.layout == "channels last"
    x, labels = images(5, shape), np.arange(5) % 4
    ours, theirs = KerasClassifier(first, shape, 5), KerasClassifier(last, shape, 5)
    np.testing.assert_allclose(ours.logits(x), theirs.logits(x), atol=1e-5)
    found, wanted = ours.gradient(x, labels, "cross_entropy")[1], theirs.gradient(x, labels, "cross_entropy")[1]
    assert found.shape == x.shape
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_allclose(ours.rivals(x, labels, 2)[2], theirs.rivals(x, labels, 2)[2], atol=1e-6)


def test_a_model_without_a_channel_axis_takes_grey_images() -> None:
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input(SHAPE[:2]), layers.Flatten(), layers.Dense(3)])
    x = images(3)
    np.testing.assert_allclose(KerasClassifier(model, SHAPE, 3).logits(x), model(x[..., 0]), atol=1e-5)
    with pytest.raises(ModelError, match="shape"):
        read_model(model, (4, 5, 3))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_model_of_free_size_takes_any_size(data_format: str) -> None:
    model = convolutional(data_format, size=(None, None))
    for shape in ((8, 10, 3), (12, 9, 3)):
        reading = read_model(model, shape)
        assert (reading.shapes.image_shape, reading.shapes.input_shape) == (shape, (None, None, 3))
        _, gradient = KerasClassifier(model, shape, 2).gradient(images(2, shape), np.zeros(2, np.int64), "margin")
        assert gradient.any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize(("given", "taken"), [(1, 3), (3, 1)])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_grey_and_rgb_can_be_converted_if_that_is_asked_for(given: int, taken: int, data_format: str) -> None:
    model = convolutional(data_format, channels=taken)
    assert read_model(model, (8, 10, given), other_channels=True).shapes.image_shape == (8, 10, taken)
    with pytest.raises(ModelError, match="shape"):
        read_model(model, (8, 10, given))
    with pytest.raises(ModelError, match="shape"):
        read_model(model, (8, 10, 4), other_channels=True)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("ending", ["softmax", "sigmoid"])
def test_half_precision_has_float32_logits_and_useful_gradients(policy: str, ending: str) -> None:
    import keras
    from keras import layers

    def build(dtype: str) -> Any:
        keras.utils.set_random_seed(2)
        keras.config.set_dtype_policy(dtype)
        try:
            return keras.Sequential(
                [
                    keras.Input((12, 12, 1)),
                    layers.Conv2D(8, 3, activation="relu"),
                    layers.BatchNormalization(),
                    layers.MaxPooling2D(2),
                    layers.Flatten(),
                    layers.Dense(1 if ending == "sigmoid" else 5, activation=ending),
                ]
            )
        finally:
            keras.config.set_dtype_policy("float32")

    shape = (12, 12, 1)
    plain, half = build("float32"), build(policy)
    half.set_weights(plain.get_weights())
    x, labels = images(8, shape), np.arange(8) % 2
    exact = KerasClassifier(plain, shape, 8)
    found = settle(lambda size: KerasClassifier(half, shape, size), 8, shape)
    assert found.batch_size >= 2
    z = found.logits(x)
    assert z.dtype == np.float32
    tolerance = 0.01 if policy == "mixed_float16" else 0.1
    np.testing.assert_allclose(z, exact.logits(x), atol=tolerance)
    for row in range(0, 8, found.batch_size):
        part = slice(row, row + found.batch_size)
        ours = found.gradient(x[part], labels[part], "cross_entropy")[1]
        theirs = exact.gradient(x[part], labels[part], "cross_entropy")[1]
        assert np.isfinite(ours).all()
        cosine = (ours * theirs).sum() / np.sqrt((ours**2).sum() * (theirs**2).sum())
        assert cosine > 0.99
