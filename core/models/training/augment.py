"""Training batches, shuffled and optionally augmented with random flips and shifts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHIFT = 2  # pixels, the largest shift in each direction


def augment(images: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Flip each image (N, H, W, C) horizontally with probability 1/2 and shift it by up to SHIFT pixels."""
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
    *,
    augmented: bool,
) -> Any:
    """Make a keras PyDataset of batches, reshuffled in each epoch.

    Order and augmentation are drawn from (seed, epoch, batch), so they do not depend on Keras's prefetching.

    Args:
        images: (N, H, W, C).
        labels: (N,).
        batch_size: images per batch; the last batch may be smaller.
        seed: at least 0.
        augmented: apply ``augment`` to each batch.
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
