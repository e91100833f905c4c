"""Random number generators per image.

A generator is seeded only with the run's seed and the image's index in the data set, never with the shard,
batch, worker or time. An image therefore gets the same numbers however the set is split into shards.
"""

from __future__ import annotations

import numpy as np


def image_rng(seed: int, index: int, attempt: int = 0) -> np.random.Generator:
    """Create the generator of one image.

    Args:
        seed: the run's seed, at least 0.
        index: the image's index in the data set.
        attempt: selects a further, independent generator of the same image, such as that of a restart.
    """
    return np.random.default_rng([seed, index, attempt] if attempt else [seed, index])
