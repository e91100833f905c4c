"""A training's deterministic operations end with it: an attack later in the process has a worker's bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from core.datasets.base import ImageSet
from core.models.advgan import GeneratorConfig, train_generator
from core.models.training import TrainConfig, train
from core.models.training.deterministic import deterministic_operations

pytestmark = pytest.mark.usefixtures("one_thread")
Look = Callable[[int, dict[str, float]], None]


def enabled() -> bool:
    from tensorflow.python.framework import config

    return bool(config.is_op_determinism_enabled())


def classifier(look: Look) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1)).astype(np.uint8)
    train(
        TrainConfig(model="mlp", epochs=1, batch_size=16, validation=8),
        ImageSet("noise", images, np.arange(40) % 2),
        progress=look,
    )


def generator(look: Look) -> None:
    import tensorflow as tf

    images = np.random.default_rng(0).random((24, 4, 4, 1), np.float32)
    config = GeneratorConfig(epsilon=0.1, width=2, epochs=1, batch_size=8, validation=8)
    train_generator(config, lambda x: tf.reshape(x, (-1, 16))[:, :2], images, progress=look)


@pytest.mark.parametrize("training", [classifier, generator])
def test_they_last_as_long_as_the_training(training: Callable[[Look], None]) -> None:
    seen = []
    training(lambda epoch, figures: seen.append(enabled()))
    assert seen == [True]
    assert not enabled()


def test_a_failure_ends_them_and_whoever_had_them_keeps_them() -> None:
    with pytest.raises(ValueError, match="in the middle"), deterministic_operations():
        raise ValueError("in the middle")
    assert not enabled()
    with deterministic_operations():
        with deterministic_operations():
            pass
        assert enabled()
    assert not enabled()
