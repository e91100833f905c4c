"""Train a classifier with hold-out validation, reproducibly from a seed.

The validation images are taken from the training images; the test images are looked at once, at
the end, and decide nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from core.datasets.base import ImageSet
from core.models.augment import batches
from core.registry import MODELS

Progress = Callable[[int, dict[str, float]], None]


class TrainConfig(BaseModel):
    """The hyper-parameters of a training.

    learning_rate is Adam's at the start; with ``cosine`` it falls to zero over the epochs.
    validation is the number of training images held out.
    """

    model_config = ConfigDict(frozen=True)

    model: str = "cnn"
    epochs: int = Field(80, ge=1)
    batch_size: int = Field(128, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    cosine: bool = True
    augment: bool = True
    validation: int = Field(5000, ge=1)
    seed: int = Field(0, ge=0)


@dataclass(frozen=True)
class Trained:
    """A trained model, its history (one list per figure) and its accuracy on the test images."""

    model: Any
    history: dict[str, list[float]]
    test_accuracy: float


def train(
    config: TrainConfig,
    train_set: ImageSet,
    test_set: ImageSet,
    progress: Progress | None = None,
    tensorboard: Path | None = None,
) -> Trained:
    """Train ``config.model`` on all of ``train_set`` but the held-out images.

    The weights returned are those of the last epoch. ``progress`` is called after each epoch with
    its number (from 1) and its figures.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    images, labels = _scaled(train_set.images), train_set.labels
    order = np.random.default_rng(config.seed).permutation(len(images))
    held, used = order[: config.validation], order[config.validation :]
    classes = int(labels.max()) + 1
    model = MODELS[config.model]().build(images.shape[1:], classes)
    data = batches(images[used], labels[used], config.batch_size, config.seed, config.augment)
    rate: Any = config.learning_rate
    if config.cosine:
        rate = keras.optimizers.schedules.CosineDecay(rate, config.epochs * len(data))
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    callbacks: list[Any] = []
    if progress is not None:
        report = progress
        callbacks.append(
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, figures: report(epoch + 1, dict(figures)))
        )
    if tensorboard is not None:
        callbacks.append(keras.callbacks.TensorBoard(str(tensorboard)))
    fitted = model.fit(
        data,
        epochs=config.epochs,
        validation_data=(images[held], labels[held]),
        validation_batch_size=500,
        callbacks=callbacks,
        verbose=0,
    )
    _, accuracy = model.evaluate(_scaled(test_set.images), test_set.labels, batch_size=500, verbose=0)
    return Trained(model, fitted.history, float(accuracy))


def save_model(trained: Trained, name: str, path: Path) -> None:
    """Write the model without its optimizer's state, which is twice the weights."""
    bare = MODELS[name]().build(trained.model.input_shape[1:], trained.model.output_shape[-1])
    bare.set_weights(trained.model.get_weights())
    bare.save(path)


def save_history(history: dict[str, list[float]], path: Path) -> None:
    """The history as CSV, one row per epoch."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        writer.writerows([epoch, *row] for epoch, row in enumerate(zip(*history.values(), strict=True), 1))


def save_curves(history: dict[str, list[float]], path: Path) -> None:
    """Loss and accuracy over the epochs, training beside validation, as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axes, key in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        epochs = range(1, len(history[key]) + 1)
        axes.plot(epochs, history[key], label="training")
        axes.plot(epochs, history[f"val_{key}"], label="validation")
        axes.set(xlabel="epoch", ylabel=key)
        axes.legend()
    figure.savefig(path)


def _scaled(images: NDArray[Any]) -> NDArray[np.float32]:
    return images.astype(np.float32) / np.float32(255) if images.dtype == np.uint8 else images
