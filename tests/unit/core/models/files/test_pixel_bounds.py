from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.models.files.pixel_bounds import pixel_bounds

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (8, 8, 3)
BYTES, UNIT = (0.0, 255.0), (0.0, 1.0)


def model_with(*first: Any) -> Any:
    import keras
    from keras import layers

    return keras.Sequential([keras.Input(SHAPE), *first, layers.Flatten(), layers.Dense(2)])


def layer(kind: str, *arguments: Any, **more: Any) -> Any:
    from keras import layers

    return getattr(layers, kind)(*arguments, **more)


MEAN, VARIANCE = [0.485, 0.456, 0.406], [0.05, 0.05, 0.05]


@pytest.mark.parametrize(
    ("first", "bounds"),
    [
        ([("Rescaling", [1 / 255], {})], BYTES),
        ([("Rescaling", [1 / 127.5], {"offset": -1})], BYTES),
        ([("Rescaling", [2.0], {"offset": -1})], UNIT),
        ([("Rescaling", [255.0], {})], UNIT),
        ([("Rescaling", [1.0], {})], None),
        ([("Normalization", [], {"mean": [255 * m for m in MEAN], "variance": [3000, 3000, 3000]})], BYTES),
        ([("Normalization", [], {"mean": MEAN, "variance": VARIANCE})], UNIT),
        ([("ZeroPadding2D", [1], {}), ("RandomFlip", [], {}), ("Rescaling", [1 / 255], {})], BYTES),
        ([("Conv2D", [3, 1], {}), ("Rescaling", [1 / 255], {})], None),
        ([("BatchNormalization", [], {})], None),
        ([], None),
    ],
)
def test_the_first_layers_say_which_pixels_they_expect(
    first: list[tuple[str, list[Any], dict[str, Any]]], bounds: tuple[float, float] | None
) -> None:
    assert pixel_bounds(model_with(*(layer(kind, *args, **more) for kind, args, more in first))) == bounds


def test_nested_models_are_looked_into() -> None:
    import keras
    from keras import layers

    inner = keras.Sequential([keras.Input(SHAPE), layers.Rescaling(1 / 255), layers.Conv2D(4, 3)])
    entry = keras.Input(SHAPE)
    middle = keras.Model(entry, inner(layers.RandomFlip()(entry)))
    assert pixel_bounds(model_with(middle)) == BYTES


@pytest.mark.parametrize(
    ("function", "bounds"),
    [
        (lambda x: x / 255.0, BYTES),
        (lambda x: x / 127.5 - 1.0, BYTES),
        (lambda x: x * (1 / 255), BYTES),
        (lambda x: (x - 127.5) / 127.5, BYTES),
        (lambda x: x[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32), BYTES),
        (lambda x: x * 2.0 - 1.0, UNIT),
        (lambda x: x - 0.5, None),
    ],
)
def test_arithmetic_on_the_input_says_it_too(function: Any, bounds: tuple[float, float] | None) -> None:
    import keras
    from keras import layers

    entry = keras.Input(SHAPE)
    assert pixel_bounds(keras.Model(entry, layers.Dense(2)(layers.Flatten()(function(entry))))) == bounds


@pytest.mark.parametrize("mode", ["tf", "torch", "caffe"])
def test_preprocess_input_inside_a_model_is_seen(mode: str) -> None:
    import keras
    from keras import layers

    entry = keras.Input(SHAPE)
    x = keras.applications.imagenet_utils.preprocess_input(entry, mode=mode)
    assert pixel_bounds(keras.Model(entry, layers.Dense(2)(layers.Flatten()(x)))) == BYTES


@pytest.mark.slow
@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNetV3Small", "ConvNeXtTiny"])
def test_applications_that_rescale_inside(name: str) -> None:
    import keras

    model = getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3), classes=3)
    assert pixel_bounds(model) == BYTES


@pytest.mark.slow
def test_applications_that_do_not() -> None:
    import keras

    assert pixel_bounds(keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3), classes=3)) is None
