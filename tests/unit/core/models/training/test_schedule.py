"""The learning rate and the optimizer, step by step, against what a pencil gives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from core.datasets.base import ImageSet
from core.errors import ModelError
from core.models.training import TrainConfig, train
from core.models.training.optimizer import optimizer
from core.models.training.schedule import learning_rate
from core.registry import MODELS

pytestmark = pytest.mark.usefixtures("one_thread")


class Tiny:
    """Softmax regression from zero weights; its build takes nothing beyond what a model must."""

    def build(self, input_shape: tuple[int, ...], classes: int) -> Any:
        from keras import Input, Sequential, layers

        dense = layers.Dense(classes, activation="softmax", kernel_initializer="zeros")
        return Sequential([Input(input_shape), layers.Flatten(), dense])


@pytest.fixture(autouse=True)
def tiny() -> Iterator[None]:
    with MODELS.temporary("tiny", Tiny):
        yield


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"schedule": "none"}, {0: 0.1, 1000: 0.1}),
        ({"schedule": "time", "decay": 0.5}, {0: 0.1, 1: 0.1 / 1.5, 2: 0.05, 38: 0.005}),
        # 5 steps an epoch: halved after 15 steps, and again after 30
        ({"schedule": "step", "drop": 0.5, "drop_every": 3}, {0: 0.1, 14: 0.1, 15: 0.05, 29: 0.05, 30: 0.025}),
        # 20 steps in all
        (
            {"schedule": "cosine"},
            {0: 0.1, 5: 0.05 * (1 + math.sqrt(0.5)), 10: 0.05, 15: 0.05 * (1 - math.sqrt(0.5)), 20: 0.0, 30: 0.0},
        ),
    ],
)
def test_the_learning_rate_in_closed_form(settings: dict[str, Any], expected: dict[int, float]) -> None:
    rate = learning_rate(TrainConfig(learning_rate=0.1, epochs=4, **settings), steps_per_epoch=5)
    for step, value in expected.items():
        found = float(rate(step)) if callable(rate) else rate
        assert found == pytest.approx(value, rel=1e-6, abs=1e-8), step


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"optimizer": "sgd"}, [-0.2, -0.4]),
        # v = -0.2, then 0.5 * -0.2 - 0.2 = -0.3
        ({"optimizer": "sgd", "momentum": 0.5}, [-0.2, -0.5]),
        # 0.5 * -0.2 - 0.2 = -0.3; then 0.5 * -0.3 - 0.2 = -0.35 more
        ({"optimizer": "sgd", "momentum": 0.5, "nesterov": True}, [-0.3, -0.65]),
        # The mean square is 0.1 * 4, then 0.9 * 0.4 + 0.4
        ({"optimizer": "rmsprop"}, [-0.2 / math.sqrt(0.4), -0.2 / math.sqrt(0.4) - 0.2 / math.sqrt(0.76)]),
        # Corrected for their bias, the moments are 2 and 4 at each step.
        ({"optimizer": "adam"}, [-0.1, -0.2]),
    ],
)
def test_two_steps_by_hand(settings: dict[str, Any], expected: list[float]) -> None:
    """From 0, with the gradient 2 twice, at the rate 0.1."""
    import keras

    weight = keras.Variable(np.zeros(1, np.float32))
    steps = optimizer(TrainConfig(learning_rate=0.1, schedule="none", **settings), steps_per_epoch=1)
    for value in expected:
        steps.apply([keras.ops.convert_to_tensor(np.array([2.0], np.float32))], [weight])
        assert float(weight[0]) == pytest.approx(value, rel=1e-5)


PIXELS = ImageSet(
    "pixels", np.array([[0.5, 1.0], [1.0, 0.25], [0.0, 0.75]], np.float32).reshape(3, 1, 2, 1), np.arange(3)
)


@pytest.mark.parametrize(("nesterov", "factor"), [(False, 0.5), (True, 0.5 * 1.75)])
def test_a_training_of_one_step_by_hand(nesterov: bool, factor: float) -> None:
    """At zero weights each class has probability 1/3, so the gradient is the mean of x (1/3 - y)."""
    config = TrainConfig(
        model="tiny", epochs=1, optimizer="sgd", learning_rate=0.5, momentum=0.75, nesterov=nesterov,
        schedule="none", augment=False, validation=1,
    )  # fmt: skip
    used = np.random.default_rng(0).permutation(3)[1:]
    x, y = PIXELS.images[used].reshape(2, 2), np.eye(3)[PIXELS.required_labels()[used]]
    kernel, bias = train(config, PIXELS).model.get_weights()
    np.testing.assert_allclose(kernel, -factor * x.T @ (1 / 3 - y) / 2, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(bias, -factor * (1 / 3 - y).mean(axis=0), rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_the_schedule_goes_with_the_steps_of_the_training() -> None:
    """3 images in batches of 1, one held out: 2 steps an epoch, 6 in all."""
    common: dict[str, Any] = {"model": "tiny", "epochs": 3, "batch_size": 1, "validation": 1, "augment": False}
    schedules: list[tuple[dict[str, Any], float]] = [
        ({"schedule": "none"}, 0.1),
        ({"schedule": "time", "decay": 0.5}, 0.1 / 4),
        ({"schedule": "step", "drop": 0.5, "drop_every": 2}, 0.05),
        ({"schedule": "cosine"}, 0.0),
    ]
    for settings, expected in schedules:
        model = train(TrainConfig(**common, learning_rate=0.1, **settings), PIXELS).model
        assert float(model.optimizer.learning_rate) == pytest.approx(expected, abs=1e-8), settings


@pytest.mark.parametrize(
    ("name", "settings"), [("dropout", {"dropout": 0.0}), ("regularizer", {"regularizer": "l1", "l1": 1.0})]
)
def test_a_setting_that_the_build_does_not_take_is_refused(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=f"a model that supports --{name}; got 'tiny', which has no '{name}'"):
        train(TrainConfig(model="tiny", validation=1, **settings), PIXELS)
