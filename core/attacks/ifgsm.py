"""Iterative FGSM, the basic iterative method (Kurakin et al. 2016, arXiv 1607.02533, section 2.2)."""

from __future__ import annotations

from core.attacks.gradient.attack import GradientAttack
from core.registry import ATTACKS


@ATTACKS.register("ifgsm")
class IFGSM(GradientAttack):
    """x <- clip(x + step_size * sign(grad(x))), with a new gradient at each iterate.

    With ``random_start`` it is PGD (Madry et al. 2017, arXiv 1706.06083). Cost: one forward and one
    backward pass per step. Choose it against the model at hand; its examples transfer less well to
    other models than those of ``mifgsm``.
    """
