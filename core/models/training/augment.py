"""Training batches: shuffled, and where asked for, mirrored and shifted at random."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHIFT = 2  # pixels, in each direction


def augment(images: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Each image (N, H, W, C) mirrored with probability 1/2 and shifted by up to SHIFT pixels."""
    count, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)))
    rows = rng.integers(0, 2 * SHIFT + 1, (count, 1)) + np.arange(height)
    columns = rng.integers(0, 2 * SHIFT + 1, (count, 1)) + np.arange(width)
    mirrored = rng.random(count) < 0.5
    columns[mirrored] = columns[mirrored, ::-1]
    return np.ascontiguousarray(padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]])


def batches(
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    batch_size: int,
    seed: int,
    augmented: bool,
) -> Any:
    """A keras PyDataset of (images, labels), in another order in each epoch.

    The order and the augmentation are drawn from (seed, epoch, batch), so that they do not depend
    on how Keras prefetches.
    """
    from keras.utils import PyDataset

    class Batches(PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.epoch = 0
            self._shuffle()

        def __len__(self) -> int:
            return math.ceil(len(images) / batch_size)

        def __getitem__(self, item: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
            chosen = self.order[item * batch_size : (item + 1) * batch_size]
            batch = images[chosen]
            if augmented:
                batch = augment(batch, np.random.default_rng([seed, self.epoch, item]))
            return batch, labels[chosen]

        def on_epoch_end(self) -> None:
            self.epoch += 1
            self._shuffle()

        def _shuffle(self) -> None:
            self.order = np.random.default_rng([seed, self.epoch]).permutation(len(images))

    return Batches()
