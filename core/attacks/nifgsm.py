"""NI-FGSM, Nesterov iterative FGSM (Lin et al. 2020, arXiv 1908.06281, section 3.1)."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from core.attacks.base import Passes
from core.attacks.gradient.iterate import Iterate
from core.attacks.mifgsm import MIFGSM
from core.image.pixels import Images
from core.registry import ATTACKS


@ATTACKS.register("nifgsm")
class NIFGSM(MIFGSM):
    """``mifgsm`` with the gradient taken at the point ahead, x + step_size * decay * g (equations 6 to 8).

    g <- decay * g + grad / ||grad||_1;  x <- clip(x + step_size * sign(g)). The point ahead may lie outside
    the epsilon ball and the bounds, as in the paper. With decay 0 it is ``ifgsm``. Cost: one forward and one
    backward pass per step, and with ``early_stop`` a second forward pass, at x, which the gradient does not evaluate.
    Choose it where the examples should transfer to other models: looking ahead keeps the momentum from overshooting.
    """

    decay: float = Field(1.0, ge=0, description="share of the accumulated gradient that is kept, mu")

    def passes_at_most(self, classes: int) -> Passes:
        """See Attack."""
        found = super().passes_at_most(classes)
        return Passes(found.forward + self.early_stop * found.backward, found.backward)

    def gradient(self, at: Iterate) -> Images:
        """The gradient at the point ahead."""
        return at.differentiate(at.x + at.step_size * np.float32(self.decay) * at.state["g"])
