"""The images that all tunings are measured on: training images that the shipped ``cnn`` was not trained on."""

from __future__ import annotations

import numpy as np

from core.attacks.base import Examples
from core.datasets.fashion_mnist import FashionMnist
from core.image.pixels import to_float
from core.models.inference.classifier import Classifier, predict
from core.models.training import TrainConfig


def held_out(count: int, classifier: Classifier) -> Examples:
    """Images that the training of the shipped models held out for validation.

    Args:
        count: number of images, at most the size of the validation split.
        classifier: its clean predictions are the labels.

    Returns:
        Images (count, 28, 28, 1), float32 in 0..1, with their rows in the training set as indices.
    """
    config, images = TrainConfig(), FashionMnist().load_train().images
    rows = np.random.default_rng(config.seed).permutation(len(images))[: config.validation][:count]
    clean = to_float(images[rows], (0.0, 1.0))
    return Examples(clean, predict(classifier, clean), rows, levels=255)
