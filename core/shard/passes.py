"""The passes that the attacks of a run take of each image, for an estimate of the cost to come."""

from __future__ import annotations

from core.attacks.base import Passes
from core.run.manifest import RunConfig
from core.shard.cascade import stages_of

MEASURED = 3  # forward passes to measure: of the image, its example, and the example in 8 bits
_STANDING = 2  # forward passes of the cascade before and after each further stage


def passes_of(config: RunConfig, classes: int) -> Passes | None:
    """The passes of an image at most, measurements included; None if an attack's are unknown.

    A fallback does not count: few images, those left unchanged, go there.

    Args:
        config: of the run.
        classes: of the attacked model.
    """
    stages = [stage.attack.passes_at_most(classes) for stage in stages_of(config) if not stage.only_unchanged]
    known = [each for each in stages if each is not None]
    if len(known) < len(stages):
        return None
    forward = sum(each.forward for each in known) + _STANDING * (len(known) - 1) + MEASURED
    backward = sum(each.backward for each in known)
    # A flip that a gradient in bfloat16 proposes is verified.
    return Passes(forward + (backward if config.precision == "bfloat16" else 0), backward)
