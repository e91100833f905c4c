"""Trains a generator against a fixed model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from core.image.pixels import Images
from core.models.advgan.config import GeneratorConfig
from core.models.advgan.networks import build_discriminator, build_generator
from core.models.advgan.step import LOSSES, Logits, perturbed, step_function
from core.models.training.augment import batches
from core.models.training.deterministic import deterministic_operations

Progress = Callable[[int, dict[str, float]], None]
_AT_A_TIME = 500  # images per prediction batch


@dataclass(frozen=True)
class TrainedGenerator:
    """A trained keras.Model and its history: per metric, a list with one value per epoch."""

    model: Any
    history: dict[str, list[float]]


@deterministic_operations()
def train_generator(
    config: GeneratorConfig, logits: Logits, images: Images, progress: Progress | None = None
) -> TrainedGenerator:
    """Train a generator whose perturbations change the model's predictions. The same seed gives the same weights.

    Args:
        config: the hyper-parameters.
        logits: the model, from image tensors to logits (n, classes).
        images: training images (N, H, W, C) in 0..1; ``config.validation`` of them are held out.
        progress: called after each epoch with its number (from 1) and its metrics.

    Returns:
        The generator and its history: the losses, means over each epoch, and ``success``, the share of the
        held-out images whose prediction changes.

    Raises:
        ConfigError: there are too few images to hold out ``config.validation``.
    """
    import keras

    if config.validation >= len(images):
        raise ConfigError(
            f"fewer validation images than the {len(images)} training images",
            f"{config.validation}",
            "give a smaller --validation, for example a tenth of the images",
        )
    keras.utils.set_random_seed(config.seed)
    order = np.random.default_rng(config.seed).permutation(len(images))
    held, used = images[order[: config.validation]], images[order[config.validation :]]
    generator = build_generator(images.shape[1:], config.width)
    discriminator = build_discriminator(images.shape[1:], config.width)
    clean = _predictions(logits)
    moved = _predictions(lambda x: logits(perturbed(x, generator(x, training=False), config.epsilon)))
    fed = batches(used, clean(used), config.batch_size, config.seed, augmented=False)
    step = step_function(config, logits, generator, discriminator, config.epochs * len(fed))
    history: dict[str, list[float]] = {name: [] for name in (*LOSSES, "success")}
    for epoch in range(1, config.epochs + 1):
        losses = np.mean([step(*fed[item]) for item in range(len(fed))], axis=0)
        fed.on_epoch_end()
        success = float((moved(held) != clean(held)).mean())
        statistics = dict(zip(LOSSES, losses.tolist(), strict=True), success=success)
        for name, value in statistics.items():
            history[name].append(value)
        if progress is not None:
            progress(epoch, statistics)
    return TrainedGenerator(generator, history)


def _predictions(logits: Logits) -> Callable[[Images], NDArray[np.int64]]:
    """A function that predicts the classes (n,) of any number of images."""
    import tensorflow as tf

    classify = tf.function(lambda x: tf.argmax(logits(x), axis=1), autograph=False, reduce_retracing=True)

    def predict(images: Images) -> NDArray[np.int64]:
        starts = range(0, len(images), _AT_A_TIME)
        return np.concatenate([classify(tf.constant(images[start : start + _AT_A_TIME])) for start in starts])

    return predict
