"""Generators of advGAN whose output is known by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def save_identity(path: Path, shape: tuple[int, ...]) -> Path:
    """G(x) = x."""
    from keras import Input, Model

    images = Input(shape)
    Model(images, images).save(path)
    return path


def save_constant(path: Path, direction: NDArray[Any]) -> Path:
    """G(x) = direction (H, W, C), whatever x."""
    from keras import Input, Sequential, layers

    dense = layers.Dense(direction.size, kernel_initializer="zeros")
    model = Sequential([Input(direction.shape), layers.Flatten(), dense, layers.Reshape(direction.shape)])
    dense.bias.assign(np.ravel(direction))
    model.save(path)
    return path


def save_untrained(path: Path, shape: tuple[int, ...]) -> Path:
    """A small generator with random weights."""
    from core.models.advgan.networks import build_generator

    build_generator(shape, 2).save(path)
    return path
