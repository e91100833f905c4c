"""MI-FGSM, momentum iterative FGSM (Dong et al. 2018, arXiv 1710.06081, algorithm 1)."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from core.attacks.gradient.attack import GradientAttack
from core.attacks.gradient.iterate import Iterate, State
from core.image.pixels import Images
from core.registry import ATTACKS

FLOOR = np.float32(1e-12)  # keeps 0 / 0 from becoming NaN, whose sign is 0


@ATTACKS.register("mifgsm")
class MIFGSM(GradientAttack):
    """g <- decay * g + grad / ||grad||_1;  x <- clip(x + step_size * sign(g)).

    The norm is taken per image. With decay 0 it is ``ifgsm``. Cost: one forward and one backward
    pass per step. Choose it as the default: momentum carries an image across flat regions. With the
    paper's decay of 1.0 its examples transfer better to other models; the default changes the images
    less (docs/tuning.md).
    """

    decay: float = Field(0.25, ge=0, description="share of the accumulated gradient that is kept, mu")

    def init_state(self, clean: Images) -> State:
        """The accumulated gradient g, initially zero."""
        return {"g": np.zeros_like(clean)}

    def direction(self, at: Iterate) -> tuple[Images, State]:
        """The accumulated gradient."""
        norm = np.abs(at.gradient).sum(axis=(1, 2, 3), keepdims=True)
        g = np.float32(self.decay) * at.state["g"] + at.gradient / np.maximum(norm, FLOOR)
        return g, {"g": g}
