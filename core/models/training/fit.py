"""Trains a classifier and evaluates its accuracy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.base import ImageSet
from core.errors import ConfigError
from core.models.training.augment import batches
from core.models.training.config import TrainConfig
from core.models.training.deterministic import deterministic_operations
from core.models.training.model import build_model
from core.models.training.optimizer import optimizer

Progress = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class Trained:
    """A trained keras.Model and its history: per metric, a list with one value per epoch."""

    model: Any
    history: dict[str, list[float]]


@deterministic_operations()
def train(
    config: TrainConfig,
    data: ImageSet,
    progress: Progress | None = None,
    tensorboard: Path | None = None,
) -> Trained:
    """Train ``config.model``. The weights are those of the last epoch or, with early_stopping, of the best epoch.

    Args:
        config: the hyper-parameters; the best epoch has the lowest validation loss.
        data: the training images, of which ``config.validation`` are held out. uint8 images are divided by 255.
        progress: called after each epoch with its number (from 1) and its metrics.
        tensorboard: a folder for TensorBoard logs.

    Raises:
        InputError: no labels, too few images, or images or options that don't fit the model.
    """
    import keras

    if config.validation >= len(data.images):
        raise ConfigError(
            f"fewer validation images than the {len(data.images)} training images",
            f"{config.validation}",
            "give a smaller --validation, for example a tenth of the images",
        )
    keras.utils.set_random_seed(config.seed)
    images, labels = _scaled(data.images), data.required_labels()
    order = np.random.default_rng(config.seed).permutation(len(images))
    held, used = order[: config.validation], order[config.validation :]
    model = build_model(config, images.shape[1:], int(labels.max()) + 1)
    fed = batches(images[used], labels[used], config.batch_size, config.seed, augmented=config.augment)
    model.compile(optimizer(config, len(fed)), "sparse_categorical_crossentropy", metrics=["accuracy"])
    fitted = model.fit(
        fed,
        epochs=config.epochs,
        validation_data=(images[held], labels[held]),
        validation_batch_size=500,
        callbacks=_callbacks(config, progress, tensorboard),
        verbose=0,
    )
    return Trained(model, fitted.history)


def accuracy(model: Any, data: ImageSet) -> float:
    """The accuracy, in 0..1, of a trained model on a data set."""
    _, share = model.evaluate(_scaled(data.images), data.required_labels(), batch_size=500, verbose=0)
    return float(share)


def _callbacks(config: TrainConfig, progress: Progress | None, tensorboard: Path | None) -> list[Any]:
    from keras import callbacks

    found: list[Any] = []
    if progress is not None:
        found.append(callbacks.LambdaCallback(on_epoch_end=lambda epoch, values: progress(epoch + 1, dict(values))))
    if tensorboard is not None:
        found.append(callbacks.TensorBoard(str(tensorboard)))
    if config.early_stopping is not None:
        found.append(callbacks.EarlyStopping("val_loss", patience=config.early_stopping, restore_best_weights=True))
    return found


def _scaled(images: NDArray[Any]) -> NDArray[np.float32]:
    return images.astype(np.float32) / np.float32(255) if images.dtype == np.uint8 else images
