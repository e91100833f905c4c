"""Which images the last step has probably flipped, so that a forward pass can tell, at a third of a gradient's cost.

The margin of the logits is followed along its gradient. It is only a guess: an image that it misses is found
by the next gradient, and one that it names in vain costs a forward pass.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.attacks.boundary.margins import others
from core.models.inference.classifier import Loss

# Of the linear change: margins grow more slowly than that. 0.8 saved most on the shipped models (docs/decisions/0015).
_SHARE = np.float32(0.8)
_FLOOR = np.float32(1e-30)


def probably_flipped(
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    targeted: bool,
    loss: Loss,
    gain: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """For n images: logits (n, classes) before the step, and the loss's gain by it (n,), gradient times change."""
    own, rivals = logits[np.arange(len(labels)), labels], others(logits, labels)
    margin = rivals.max(axis=1) - own
    if loss == "cross_entropy":
        # The loss's gradient is the margin's times the probability of the other classes.
        weights = np.exp(rivals - np.maximum(own, rivals.max(axis=1))[:, None]).sum(axis=1)
        rest = weights / (weights + np.exp(np.minimum(-margin, 0)))
        gain = gain / np.maximum(rest, _FLOOR)
    return np.asarray((-margin if targeted else margin) + _SHARE * gain >= 0)
