"""The target class of each image in a targeted run."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.rng import image_rng

_Rule = Literal["least-likely", "random"]
Rule = int | _Rule
RULES: tuple[str, ...] = get_args(_Rule)
_DRAW = 1 << 32  # among an image's random numbers, those that no attack takes


def targets(rule: Rule, logits: NDArray[np.float32], indices: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The target classes (n,).

    Args:
        rule: a class for all images; ``least-likely``, the class with the smallest logit (Kurakin et al. 2016,
            arXiv 1607.02533, section 2.3); or ``random``, any class but the predicted one.
        logits: (n, classes), of the clean images.
        indices: (n,), each image's index in the data set.
        seed: the run's seed.
    """
    if isinstance(rule, int):
        return np.full(len(logits), rule)
    if rule == "least-likely":
        return np.asarray(logits.argmin(axis=1), np.int64)
    shift = [image_rng(seed, int(index), _DRAW).integers(1, logits.shape[1]) for index in indices]
    return np.asarray((logits.argmax(axis=1) + np.array(shift, np.int64)) % logits.shape[1], np.int64)
