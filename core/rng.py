"""Random numbers that belong to an image.

A generator is drawn from the run's seed and the image's index in the data set, and from nothing
else: not from the shard, the batch, the worker or the clock. So an image gets the same numbers
however the set is cut.
"""

from __future__ import annotations

import numpy as np


def image_rng(seed: int, index: int, attempt: int = 0) -> np.random.Generator:
    """The generator of image ``index`` in a run with ``seed``; another one for each further attempt."""
    return np.random.default_rng([seed, index, attempt] if attempt else [seed, index])
