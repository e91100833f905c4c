from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.errors import ModelError
from core.models.files.card import ZOO, resolve
from core.models.files.loading import load_model
from core.models.training import TrainConfig
from core.models.training.model import build_model
from core.registry import MODELS

pytestmark = pytest.mark.usefixtures("one_thread")
L1L2: dict[str, Any] = {"regularizer": "l1l2", "l1": 0.5, "l2": 0.25}


def built(model: str, shape: tuple[int, ...] = (28, 28, 1), classes: int = 10, **settings: Any) -> Any:
    return build_model(TrainConfig(model=model, **settings), shape, classes)


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_the_shipped_models_have_the_topology_that_is_built(name: str) -> None:
    shipped, own = load_model(ZOO / f"{name}.keras"), built(name)
    assert len(shipped.layers) == len(own.layers)
    for there, here in zip(shipped.layers, own.layers, strict=True):
        assert type(there) is type(here)
        assert {**there.get_config(), "name": ""} == {**here.get_config(), "name": ""}


@pytest.mark.parametrize(
    ("shape", "classes", "expected"),
    [
        # A separable convolution has a k*k filter per channel, c*f weights and f biases. 28 -> 24, 12 -> 10, 5 -> 3.
        ((28, 28, 1), 10, (25 + 32 + 32) + (288 + 2048 + 64) + (576 + 4096 + 64) + 577 * 784 + 785 * 10),
        # 32 -> 28, 14 -> 12, 6 -> 4
        ((32, 32, 3), 7, (75 + 96 + 32) + (288 + 2048 + 64) + (576 + 4096 + 64) + 1025 * 784 + 785 * 7),
    ],
)
def test_the_parameters_of_dscnn(shape: tuple[int, ...], classes: int, expected: int) -> None:
    assert built("dscnn", shape, classes).count_params() == expected


def test_dscnn_differs_from_cnn_in_its_convolutions_alone() -> None:
    names = [type(layer).__name__ for layer in built("cnn").layers]
    assert names.count("Conv2D") == 3
    found = [type(layer).__name__ for layer in built("dscnn").layers]
    assert found == [name.replace("Conv2D", "SeparableConv2D") for name in names]


def test_dscnn_is_not_shipped() -> None:
    with pytest.raises(ModelError, match=r"'dscnn', which has none; train it with '.* train --model dscnn'"):
        resolve("dscnn", (28, 28, 1))


@pytest.mark.parametrize("name", ["cnn", "dscnn"])
@pytest.mark.parametrize(("given", "expected"), [(None, 0.2), (0.0, 0.0), (0.35, 0.35)])
def test_the_dropout_rate(name: str, given: float | None, expected: float) -> None:
    rates = [layer.rate for layer in built(name, dropout=given).layers if type(layer).__name__ == "Dropout"]
    assert rates == [expected]


def test_a_model_without_dropout_layers_refuses_a_rate() -> None:
    with pytest.raises(ModelError, match="a model that supports --dropout; got 'mlp'"):
        built("mlp", dropout=0.5)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 0.0),
        ({"regularizer": "l1", "l1": 0.5}, 0.5 * 784),
        ({"regularizer": "l2", "l2": 0.25}, 0.25 * 294),
        (L1L2, 0.5 * 784 + 0.25 * 294),
    ],
)
def test_the_penalty_by_hand(settings: dict[str, Any], expected: float) -> None:
    """784 weights of -1/2 and 1568 of 1/4: absolute values 392 + 392, squares 196 + 98. Biases are free."""
    model = built("mlp", (1, 1, 1), 2, **settings)
    weights = [np.full((1, 784), -0.5), np.ones(784), np.full((784, 2), 0.25), np.ones(2)]
    model.set_weights(weights)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "mlp"])
def test_the_penalty_is_that_of_all_kernels(name: str) -> None:
    model = built(name, **L1L2)
    kernels = [weight.astype(float) for weight in model.get_weights() if weight.ndim > 1]
    expected = sum(0.5 * np.abs(kernel).sum() + 0.25 * (kernel**2).sum() for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)
