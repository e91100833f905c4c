"""APGD on the cross-entropy (Croce and Hein 2020, arXiv 2003.01690, section 3)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.attacks.gradient.auto_pgd import AutoPGD
from core.registry import ATTACKS


@ATTACKS.register("apgd-ce")
class APGD(AutoPGD):
    """z <- P(x + eta * unit(grad));  x <- P(x + alpha * (z - x) + (1 - alpha) * (x - last)), algorithm 1.

    P projects onto ball and bounds, alpha is 0.75; the first step, of eta = 2 epsilon, has no momentum. At each
    checkpoint w_j, eta is halved and x returns to the point of the highest loss, if (1) fewer than 0.75 of the steps
    since w_{j-1} increased the loss, or (2) eta was not halved at w_{j-1} and the highest loss has not grown since.
    The checkpoint is evaluated as soon as the loss at x(w_j) is known, as in the authors' code. The point of the
    highest loss is delivered, or with ``early_stop`` the first that reaches the goal.

    Cost: one forward and one backward pass per step, and a forward pass of the last point. Choose it to measure
    robustness against the model at hand: it has no step size to tune, and ``steps`` is its one budget. ``step_back`` is
    off, so that what is measured is the attack of the paper; AutoAttack also starts it with ``random_start``.
    """

    loss: Literal["cross_entropy"] = Field("cross_entropy", description="always the cross-entropy")
