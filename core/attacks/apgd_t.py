"""APGD-T, Auto-PGD towards one class after the other (Croce and Hein 2020, arXiv 2003.01690, section 4)."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field

from core.attacks.base import Attacked, Examples, Passes
from core.attacks.boundary.margins import ranked_rivals
from core.attacks.gradient.auto_pgd import AutoPGD
from core.attacks.gradient.objective import Objective
from core.errors import ConfigError
from core.models.inference.classifier import Classifier, TargetedLoss
from core.registry import ATTACKS

_DLR_CLASSES = 4


@ATTACKS.register("apgd-t")
class APGDT(AutoPGD):
    """The steps of ``apgd-ce`` on (z[t] - z[y]) / (z[1st] - (z[3rd] + z[4th]) / 2), for one class t after the other.

    The targets t are the classes besides the label y, those with the largest logits of the clean image first, each
    from a random point of the ball. Any other class than y is a success, and the image then leaves. The loss is the
    difference of logits ratio, ``dlr`` (equation 7): dividing by the spread of the logits makes it independent of their
    scale, where the cross-entropy saturates. With fewer than four classes it does not exist, and the margin
    z[t] - z[y] takes its place; there are at most as many targets as other classes.

    Cost: an image that withstands takes ``n_target_classes`` times ``steps`` forward and backward passes, and three
    forward passes a target. Choose it for the most reliable verdict within an epsilon, after ``apgd-ce`` has dealt with
    the images that fall easily.
    """

    targetable: ClassVar[bool] = False

    loss: TargetedLoss = Field("dlr", description="what is increased: dlr, or the margin")
    n_target_classes: int = Field(9, ge=1, description="classes to try, those of the largest logits first")
    random_start: bool = Field(default=True, description="start at a random point of the epsilon ball")

    @property
    def attempts(self) -> int:
        """See GradientAttack: with each target in turn."""
        return self.n_target_classes * (1 + self.restarts)

    def fitted(self, classes: int) -> Self:
        """See Attack."""
        loss = self.loss if classes >= _DLR_CLASSES else "margin"
        return self.model_copy(update={"loss": loss, "n_target_classes": min(self.n_target_classes, classes - 1)})

    def objective(self, classifier: Classifier, examples: Examples, attempt: int) -> Objective:
        """See GradientAttack: towards the target of this attempt."""
        attacked, logits = Attacked.start(examples.images), classifier.logits(examples.images)
        attacked.forward_passes[:] += 1
        targets = ranked_rivals(logits, examples.labels)[:, attempt // (1 + self.restarts)]
        return Objective(classifier, examples, self.loss, attacked, targets)

    def passes_at_most(self, classes: int) -> Passes:
        """See Attack."""
        fitted = self.fitted(classes)
        if fitted != self:
            return fitted.passes_at_most(classes)
        forward, backward = super().passes_at_most(classes)
        return Passes(forward + self.attempts, backward)

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:
        """See Attack; raises ConfigError for a target."""
        if examples.targeted:
            raise ConfigError(
                "apgd-t without a target", "one", "choose apgd-ce, or another attack that moves to a class"
            )
        return super().run(classifier, examples)
