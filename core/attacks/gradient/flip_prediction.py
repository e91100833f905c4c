"""Predicts which images the last step has flipped; a forward pass, a third of a gradient's cost, then verifies them.

The margin of the logits is extrapolated along its gradient. A wrong prediction changes no result: a flip that it
misses is found with the next gradient, and a false positive costs one forward pass.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.attacks.boundary.margins import dlr_scale, margins_towards, others
from core.models.inference.classifier import Loss

# Of the linear change: margins grow more slowly. 0.8 saved most on the shipped models (docs/decisions/0015).
_SHARE = np.float32(0.8)
_FLOOR = np.float32(1e-30)


def probably_flipped(
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    targeted: bool,
    loss: Loss,
    gain: NDArray[np.float32],
    towards: NDArray[np.int64] | None = None,
) -> NDArray[np.bool_]:
    """Whether a step has probably reached the goal (n,).

    Args:
        logits: (n, classes), before the step.
        labels: (n,), the labels, or with ``targeted`` the targets.
        targeted: whether ``labels`` are targets.
        loss: the loss that increases.
        gain: (n,), its first-order change by the step.
        towards: (n,), the classes of a loss towards a class; a flip to any other class is not predicted.
    """
    own, rivals = logits[np.arange(len(labels)), labels], others(logits, labels)
    margin = rivals.max(axis=1) - own if towards is None else margins_towards(logits, labels, towards)
    if loss == "dlr":
        # At the boundary the loss is 0, and its gradient that of the margin divided by the scale.
        gain = gain * dlr_scale(logits, towards=towards is not None).astype(np.float32)
    if loss == "cross_entropy":
        # The gradient of the loss is that of the margin times the probability of the other classes.
        weights = np.exp(rivals - np.maximum(own, rivals.max(axis=1))[:, None]).sum(axis=1)
        rest = weights / (weights + np.exp(np.minimum(-margin, 0)))
        gain = gain / np.maximum(rest, _FLOOR)
    return np.asarray((-margin if targeted else margin) + _SHARE * gain >= 0)
