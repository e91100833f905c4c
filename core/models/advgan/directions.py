"""Inference with a trained generator: from images to perturbation directions, as NumPy arrays."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import ModelError
from core.image.pixels import Images
from core.models.fast.compiled import compiled
from core.models.fast.frozen import Weights, memory_with_functions
from core.models.files.loading import load_model

_BATCH = 64
_BATCH_VALUES = 64 * 64 * 64 * 3  # the most pixel values per batch
_SHUFFLES = 3


class Directions:
    """A generator loaded from a Keras file; code embedded in the file is refused.

    Every batch is padded with zeros to ``batch_size``, at which the result for an image does not depend on its
    position in the batch. memory: bytes of the weights.

    Args:
        path: the Keras file.
        image_shape: (H, W, C) of the images.

    Raises:
        ModelError: the file can't be loaded or its shapes don't fit the images.
    """

    def __init__(self, path: Path, image_shape: tuple[int, ...]) -> None:
        import tensorflow as tf

        model = load_model(path)
        _check_shapes(path, model, image_shape)
        weights = Weights(model)
        self.memory = memory_with_functions(model, functions=1)

        def forward(x: Any) -> Any:
            with weights.in_graph():
                return model(x, training=False)

        self._forward = compiled(forward, tf.TensorSpec((None, *image_shape), tf.float32))
        self.batch_size = max(1, min(_BATCH, _BATCH_VALUES // math.prod(image_shape)))
        while not self._position_free(path, image_shape):
            self.batch_size //= 2

    def __call__(self, images: Images) -> Images:
        """Compute directions (n, H, W, C) in -1..1, in units of epsilon, for images (n, H, W, C) in 0..1."""
        found = np.empty_like(images)
        for start in range(0, len(images), self.batch_size):
            chunk = images[start : start + self.batch_size]
            filled = np.zeros((self.batch_size, *images.shape[1:]), np.float32)
            filled[: len(chunk)] = chunk
            (directions,) = self._forward(filled)
            found[start : start + len(chunk)] = directions[: len(chunk)]
        return found

    def _position_free(self, path: Path, image_shape: tuple[int, ...]) -> bool:
        """Whether each image's direction is the same, to the bit, after the batch is shuffled."""
        rng = np.random.default_rng(0)
        images = rng.random((self.batch_size, *image_shape), np.float32)
        directions = self(images)
        if not np.isfinite(directions).all():
            raise ModelError(f"{path}: finite outputs", "NaN or infinity", "check the weights")
        orders = [rng.permutation(self.batch_size) for _ in range(_SHUFFLES)]
        return all(np.array_equal(self(images[order]), directions[order]) for order in orders)


def _check_shapes(path: Path, model: Any, image_shape: tuple[int, ...]) -> None:
    given = [tuple(each.shape[1:]) for each in (model.inputs or []) + (model.outputs or [])]
    if len(given) != 2 or not all(_fits(shape, image_shape) for shape in given):
        raise ModelError(
            f"{path}: a generator with input and output shape {image_shape}",
            f"a model with the shapes {', '.join(map(str, given))}",
            "train one: 'advshard train --model advgan --against MODEL'",
        )


def _fits(shape: tuple[int | None, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(s in {None, w} for s, w in zip(shape, wanted, strict=True))
