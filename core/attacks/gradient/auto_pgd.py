"""Auto-PGD, projected gradient descent that sets its own step size (Croce and Hein 2020, arXiv 2003.01690)."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.attacks.gradient.attack import GradientAttack
from core.attacks.gradient.iterate import Iterate, State
from core.image.pixels import Images

ALPHA, RHO = np.float32(0.75), 0.75


def checkpoints(steps: int) -> list[int]:
    """The steps at which APGD decides whether to halve its step size (section 3.2).

    w_j = ceil(p_j * steps) up to ``steps``; p_0 = 0, p_1 = 0.22, p_{j+1} = p_j + max(p_j - p_{j-1} - 0.03, 0.06).

    Example:
        >>> checkpoints(100)
        [0, 22, 41, 57, 70, 80, 87, 93, 99]
    """
    shares = [0, 22]  # hundredths, in which the sums and ceil are exact
    while shares[-1] < 100:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 3, 6))
    return sorted({-(-share * steps // 100) for share in shares if share <= 100})


class AutoPGD(GradientAttack):
    """Algorithm 1, with any loss; see ``apgd-ce``."""

    keeps_best: ClassVar[bool] = True

    steps: int = Field(100, ge=1, description="iterations at most")
    step_size: float | None = Field(None, gt=0, description="length eta of the first step; 2 epsilon if not given")
    schedule: Literal["constant"] = Field("constant", description="always constant: the checkpoints shorten the steps")
    step_back: int = Field(
        0, ge=0, le=24, description="bisections back towards the clean image, while the goal stays reached"
    )

    def init_state(self, clean: Images) -> State:
        """For each image: eta, the best point with its gradient and loss, and what the two conditions compare."""
        lowest = np.full(len(clean), -np.inf)
        return {
            "eta": np.full((len(clean), 1, 1, 1), self.step_size or 2 * self.epsilon, np.float32),
            "best": clean, "best_gradient": np.zeros_like(clean), "best_loss": lowest,
            "last_loss": -lowest, "increases": np.zeros(len(clean), np.int64),
            "checked_loss": lowest, "halved": np.zeros(len(clean), bool),
        }  # fmt: skip

    def update(self, at: Iterate) -> tuple[Images, State]:
        """One iteration of algorithm 1, its checkpoint first."""
        s = dict(at.state)
        better = at.loss > s["best_loss"]
        s["best"], s["best_gradient"] = _where(better, at.x, s["best"]), _where(better, at.gradient, s["best_gradient"])
        s["best_loss"] = np.where(better, at.loss, s["best_loss"])
        s["increases"] = s["increases"] + (at.loss > s["last_loss"])

        check, halve = self._checked(at.step, s)
        s["eta"] = _where(halve, s["eta"] / 2, s["eta"])
        s["last_loss"] = np.where(halve, s["best_loss"], at.loss)
        s["halved"] = np.where(check, halve, s["halved"])
        s["checked_loss"] = np.where(check | (at.step == 0), s["best_loss"], s["checked_loss"])
        s["increases"] = np.where(check, 0, s["increases"])

        x, gradient = _where(halve, s["best"], at.x), _where(halve, s["best_gradient"], at.gradient)
        z = at.ball.project(x + s["eta"] * at.ball.unit(gradient))
        alpha = np.where(at.step == 0, np.float32(1), ALPHA)[:, None, None, None]
        return x + alpha * (z - x) + (1 - alpha) * (x - at.last), s

    def best(self, at: Iterate) -> Images:
        """The last point, or the best of the earlier ones."""
        return _where(at.loss > at.state["best_loss"], at.x, at.state["best"])

    def _checked(self, step: NDArray[np.int64], s: State) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which images are at a checkpoint (n,), and which of them meet condition 1 or 2 (n,)."""
        check, halve = np.zeros(len(step), bool), np.zeros(len(step), bool)
        for before, now in itertools.pairwise(checkpoints(self.steps)):
            few = s["increases"] < RHO * (now - before)
            stuck = ~s["halved"] & (s["best_loss"] == s["checked_loss"])
            check |= step == now
            halve |= (step == now) & (few | stuck)
        return check, halve


def _where(chosen: NDArray[np.bool_], one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    return np.where(chosen[:, None, None, None], one, other)
