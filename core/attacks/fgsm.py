"""FGSM, the fast gradient sign method (Goodfellow et al. 2014, arXiv 1412.6572, section 4)."""

from __future__ import annotations

from pydantic import Field

from core.attacks.gradient.attack import GradientAttack
from core.registry import ATTACKS


@ATTACKS.register("fgsm")
class FGSM(GradientAttack):
    """x' = clip(x + epsilon * sign(grad)): one step to a corner of the epsilon ball.

    Cost: one forward and one backward pass per image. Choose it for adversarial training, or to see
    how linear a model is; as a measure of robustness it is far too weak.
    """

    steps: int = Field(1, ge=1, le=1, description="always one")
