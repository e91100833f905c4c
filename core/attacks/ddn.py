"""DDN, decoupled direction and norm (Rony et al. 2019, arXiv 1811.09600)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from core.attacks.minimal.attack import MinimalNormAttack, Seen, State, annealed
from core.attacks.minimal.lengths import LengthName, length, per_image, unit_l2
from core.image.pixels import Images
from core.models.inference.classifier import Loss
from core.registry import ATTACKS


@ATTACKS.register("ddn")
class DDN(MinimalNormAttack):
    """d <- d + alpha * g / ||g||_2, scaled to the length r, which shrinks where the goal is reached and else grows.

    Algorithm 1 of the paper: g is the gradient of the cross-entropy at x + d, and r becomes r * (1 - gamma) or
    r * (1 + gamma), whatever the direction. alpha falls along a cosine to a hundredth.

    There is no epsilon: the attack measures how small a change in L2 reaches the goal. Cost: ``steps`` forward and
    backward passes, and two forward passes. Choose it for distances in L2 of examples that are saved as 8-bit
    images, which those of ``deepfool`` don't survive.
    """

    measured_in: ClassVar[LengthName] = "l2"
    loss: ClassVar[Loss] = "cross_entropy"
    relative_to_range: ClassVar[tuple[str, ...]] = ("step_size", "initial_norm")

    step_size: float = Field(1.0, gt=0, description="length alpha of the first step, in L2")
    gamma: float = Field(0.05, gt=0, lt=1, description="share by which the length r changes each step")
    initial_norm: float = Field(1.0, gt=0, description="length r before the first step")

    def init_state(self, clean: Images) -> State:
        """The length r of each change."""
        return {"radius": np.full(len(clean), self.initial_norm)}

    def next_change(self, seen: Seen) -> tuple[Images, State]:
        """One iteration of algorithm 1."""
        radius = seen.state["radius"] * np.where(seen.reached, 1 - self.gamma, 1 + self.gamma)
        alpha = annealed(self.step_size, self.step_size / 100, seen.step, self.steps)
        change = seen.change + np.float32(alpha) * unit_l2(seen.gradient)
        size = length(change, "l2")
        share = np.divide(radius, size, out=np.zeros_like(size), where=size > 0)
        return change * per_image(share), {"radius": radius}
