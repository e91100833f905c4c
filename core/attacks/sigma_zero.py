"""sigma-zero (Cina et al. 2025, arXiv 2402.01879)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from core.attacks.minimal.attack import MinimalNormAttack, Seen, State, annealed
from core.attacks.minimal.lengths import LengthName, length, per_image
from core.image.pixels import Images
from core.models.inference.classifier import Loss
from core.registry import ATTACKS


@ATTACKS.register("sigma-zero")
class SigmaZero(MinimalNormAttack):
    """d <- T(d + eta * h / ||h||_inf);  h = g - grad sum(d^2 / (d^2 + sigma)) / dim, which counts changed values.

    Algorithm 1 of the paper: g is the gradient of the margin, zero where the goal is reached, and T sets to zero every
    value smaller than the threshold tau. tau grows by t * eta where the goal is reached and falls where it is not;
    eta falls along a cosine to a tenth.

    There is no epsilon: the attack measures how few values (pixels times channels) must change. Cost: ``steps`` forward
    and backward passes, and two forward passes. Choose it for distances in L0.
    """

    measured_in: ClassVar[LengthName] = "l0"
    loss: ClassVar[Loss] = "margin"

    sigma: float = Field(1e-3, gt=0, description="how closely d^2 / (d^2 + sigma) counts, at a pixel range of 1")
    step_size: float = Field(1.0, gt=0, description="eta of the first step, as a share of the pixel range")
    threshold: float = Field(0.3, ge=0, le=1, description="tau before the first step, as a share of the pixel range")
    threshold_step: float = Field(0.01, ge=0, description="t: how fast the threshold moves, as a share of eta")

    def init_state(self, clean: Images) -> State:
        """The threshold tau of each image."""
        return {"threshold": np.full(len(clean), self.threshold)}

    def next_change(self, seen: Seen) -> tuple[Images, State]:
        """One iteration of algorithm 1, in shares of the pixel range."""
        eta = annealed(self.step_size, self.step_size / 10, seen.step, self.steps)
        low, high = np.asarray(seen.bounds, np.float32)
        span, dimension = high - low, seen.change[0].size
        change = seen.change / span
        sigma = np.float32(self.sigma)
        counting = 2 * change * sigma / np.square(np.square(change) + sigma) / np.float32(dimension)
        heading = np.where(seen.reached[:, None, None, None], np.float32(0), seen.gradient * span) - counting
        largest = length(heading, "linf")
        share = np.divide(eta, largest, out=np.zeros_like(largest), where=largest > 0)
        moved = np.clip(seen.clean + (change + heading * per_image(share)) * span, low, high) - seen.clean
        threshold = seen.state["threshold"] + np.where(seen.reached, 1, -1) * self.threshold_step * eta
        threshold = np.clip(threshold, 0, 1)
        small = np.abs(moved) < per_image(threshold) * span
        return np.where(small, np.float32(0), moved), {"threshold": threshold}
