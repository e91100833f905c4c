from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError
from core.models.inference.cached_classifier import cached_classifier
from core.models.inference.classifier import KerasClassifier
from core.models.inference.preprocessing import Preprocessing
from tests.runs import SHAPE as GREY
from tests.runs import save_model

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (3, 2, 3)
BOUNDS = [(0.0, 255.0), (0.0, 1.0), (-1.0, 1.0)]
MODES = ["tf", "torch", "caffe"]


def pixels(count: int, bounds: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Random images within the bounds, and in 0..255."""
    unit = np.random.default_rng(0).random((count, *SHAPE))
    return (bounds[0] + unit * (bounds[1] - bounds[0])).astype(np.float32), (255 * unit).astype(np.float32)


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("mode", MODES)
def test_it_is_that_of_keras(mode: Any, bounds: tuple[float, float]) -> None:
    from keras.applications.imagenet_utils import preprocess_input

    x, raw = pixels(5, bounds)
    np.testing.assert_allclose(Preprocessing(mode, bounds)(x), preprocess_input(raw, mode=mode), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("mode", MODES)
def test_the_gradient_follows_the_chain_rule(mode: Any, bounds: tuple[float, float]) -> None:
    """The margin of a linear model: its weights, times the derivative of the preprocessing of each channel."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(2)])
    classifier = KerasClassifier(model, SHAPE, 4, Preprocessing(mode, bounds))
    x, raw = pixels(4, bounds)
    labels = np.zeros(4, np.int64)
    logits, gradient = classifier.gradient(x, labels, "margin")
    given = keras.applications.imagenet_utils.preprocess_input(raw, mode=mode)
    np.testing.assert_allclose(logits, model(given), rtol=1e-3, atol=1e-3)
    weights = model.layers[-1].kernel.numpy()
    inner = (weights[:, 1] - weights[:, 0]).reshape(SHAPE)
    scale = {"tf": [1 / 127.5] * 3, "torch": [1 / 255 / d for d in (0.229, 0.224, 0.225)], "caffe": [1, 1, 1]}[mode]
    if mode == "caffe":
        inner = inner[..., ::-1]
    expected = inner * np.array(scale) * 255 / (bounds[1] - bounds[0])
    np.testing.assert_allclose(gradient, np.broadcast_to(expected, gradient.shape), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", ["torch", "caffe"])
def test_the_means_are_those_of_rgb(mode: Any) -> None:
    with pytest.raises(ConfigError, match=f"RGB images with --preprocess {mode}; got one for 1 channel;"):
        Preprocessing(mode).check((28, 28, 1))
    Preprocessing(mode).check((28, 28, 3))
    Preprocessing("tf").check((28, 28, 1))


def test_a_cached_classifier_has_its_own_preprocessing(tmp_path: Path) -> None:
    path = save_model(tmp_path / "model.keras")

    def file() -> AbstractContextManager[Path]:
        return nullcontext(path)

    def of(mode: Any, bounds: tuple[float, float]) -> KerasClassifier:
        return cached_classifier("test", file, GREY, 2, preprocessing=Preprocessing(mode, bounds))

    plain = of("none", (0.0, 1.0))
    assert of("none", (0.0, 255.0)) is plain
    scaled = of("tf", (0.0, 1.0))
    assert scaled is not plain
    assert of("tf", (0.0, 1.0)) is scaled
    assert of("tf", (0.0, 255.0)) is not scaled
    x = np.random.default_rng(0).random((2, *GREY), np.float32)
    np.testing.assert_allclose(scaled.logits(x), plain.logits(2 * x - 1), atol=1e-5)
