"""Decides the precision of a run's gradients. Pure functions: no timing, so that a kind of machine has one answer."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from core.errors import ConfigError
from core.models.files.operations import Operations
from core.run.manifest import RunConfig
from core.runtime.bfloat16 import Precision
from core.shard.cascade import stages_of

Wanted = Literal["auto", "float32", "bfloat16"]
MOST_WITHOUT_KERNEL = 0.02
"""The share of a model's multiplications without a kernel for bfloat16 up to which ``auto`` takes it (decision 26)."""


class Chosen(NamedTuple):
    """The precision, and the reason for the user where there was a choice."""

    precision: Precision
    note: str | None = None


def choose_precision(
    wanted: str, config: RunConfig, operations: Operations | None, instructions: str | None, *, elsewhere: bool
) -> Chosen:
    """The precision of a run's gradients.

    Args:
        wanted: ``auto``, ``float32`` or ``bfloat16``.
        config: the attacks.
        operations: what the model multiplies; None if unknown.
        instructions: of this machine for bfloat16, if it has any.
        elsewhere: whether workers of a broker compute, whose processors are unknown.

    Raises:
        ConfigError: bfloat16 is asked for, and can't be had.
    """
    if wanted not in get_args(Wanted):
        raise ConfigError(f"{', '.join(get_args(Wanted))} as the precision", repr(wanted), "correct it")
    if wanted == "float32":
        return Chosen("float32")
    missing = _missing(config, operations, instructions, elsewhere=elsewhere)
    if wanted == "bfloat16":
        if missing:
            raise ConfigError(f"{missing[0]}, for --precision bfloat16", missing[1], "use --precision float32 or auto")
        return Chosen("bfloat16")
    against = missing[1] if missing else _no_gain(operations, elsewhere=elsewhere)
    if against:
        return Chosen("float32", f"gradients in float32: {against}")
    return Chosen("bfloat16", "gradients in bfloat16; float32 decides every prediction")


def _missing(
    config: RunConfig, operations: Operations | None, instructions: str | None, *, elsewhere: bool
) -> tuple[str, str] | None:
    """What bfloat16 needs, and what there is instead."""
    if not any(stage.attack.gradients_in_bfloat16 for stage in stages_of(config)):
        return "an attack that follows gradients alone", f"{config.attack}, which does not"
    if operations is not None and not operations.own_weights:
        return "a Keras model", "a SavedModel"
    if instructions is None and not elsewhere:
        return "a processor with avx512_bf16 or amx_bf16", "a processor without"
    return None


def _no_gain(operations: Operations | None, *, elsewhere: bool) -> str | None:
    """Why ``auto`` does not take bfloat16 where it can be had."""
    if elsewhere:
        return "the processors of a broker's workers are unknown"
    if operations is None or not operations.multiplications:
        return "what the model multiplies is unknown"
    share = operations.share_without_bfloat16
    if share > MOST_WITHOUT_KERNEL:
        return f"{share:.1%} of the model's multiplications have no kernel for bfloat16"
    return None
