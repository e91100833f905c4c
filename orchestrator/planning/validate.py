"""Checks everything in a request before anything is hashed or written. Pure functions."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError, DataError
from core.image.pixels import Bounds, Preprocess
from core.registry import ATTACKS
from core.run.manifest import RunConfig
from core.run.value import Scalar
from core.shard.targets import RULES
from orchestrator.planning.request import UNIT, OfRange, Request
from orchestrator.planning.stages import cascade

_BATCH_VALUES = 64 * 64 * 64 * 3  # pixel values in a batch: larger images, smaller batches
_BATCH = 64


def run_config(request: Request, bounds: Bounds | None = None) -> RunConfig:
    """The request's attacks with every hyper-parameter.

    The batch size is that of small images unless the request names one: see ``default_batch_size``.

    Args:
        request: the run as the user describes it.
        bounds: those that the model says, which count where the request names none; 0 and 1 by default.

    Raises:
        ConfigError: an option or a hyper-parameter is invalid.
    """
    if request.shards < 1:
        raise ConfigError("1 shard or more", f"{request.shards}", "for example --shards 64")
    if request.limit is not None and request.limit < 1:
        raise ConfigError("a limit of 1 image or more", f"{request.limit}", "leave --limit out for all images")
    if request.sample is not None and (request.sample < 1 or request.limit is not None):
        raise ConfigError(
            "a sample of 1 image or more, without a limit",
            f"--sample {request.sample}" + (f" --limit {request.limit}" if request.limit is not None else ""),
            "give --limit N for the first images or --sample N for a sample of each class",
        )
    low, high = used = request.bounds or bounds or UNIT
    if not (np.isfinite([low, high]).all() and low < high):
        raise ConfigError("bounds LO below HI", f"{low:g} {high:g}", "for example --bounds 0 1")
    if request.preprocess not in get_args(Preprocess):
        raise ConfigError(
            f"{', '.join(get_args(Preprocess))} as the preprocessing", repr(request.preprocess), "correct it"
        )
    return RunConfig(
        stages=tuple(cascade(request.attack, request.fallback, _in_bounds(request.params, used), used)),
        labels=request.labels,
        target=_target(request),
        bounds=used,
        preprocess=request.preprocess,
        seed=request.seed,
        batch_size=request.batch_size or _BATCH,
    )


def _in_bounds(params: dict[str, Scalar], bounds: Bounds) -> dict[str, Scalar]:
    extent = bounds[1] - bounds[0]
    return {name: float(value) * extent if isinstance(value, OfRange) else value for name, value in params.items()}


def _target(request: Request) -> int | str | None:
    """The class or the rule that was asked for, for attacks that can take one; raises ConfigError."""
    target = request.target
    if target is None:
        return None
    unable = [name for name in request.attack.split(",") if not ATTACKS[name].targetable]
    if unable:
        raise ConfigError("attacks that can move an image to a given class", ", ".join(unable), "leave --target out")
    if target in RULES:
        return target
    if not target.isdecimal():
        raise ConfigError(f"a class number, {' or '.join(RULES)} as the target", repr(target), "for example --target 3")
    return int(target)


def check_target(config: RunConfig, classes: int) -> None:
    """Raise ConfigError for a target that is not a class of the model."""
    if isinstance(config.target, int) and config.target >= classes:
        raise ConfigError(
            f"a target in 0..{classes - 1}, for a model with {classes} classes",
            f"{config.target}",
            "give the number of a class",
        )


def check_labels(config: RunConfig, name: str, labels: NDArray[np.int64] | None) -> None:
    """Raise DataError if images are to be moved away from labels that the set ``name`` doesn't have."""
    if labels is None and config.labels == "true":
        raise DataError(
            f"{name} with labels, which images are to be moved away from",
            "no labels",
            "leave --labels true out (from Python, move_from), or give the labels",
        )


def default_batch_size(image_shape: tuple[int, ...]) -> int:
    """The batch size for images of shape (H, W, C): a power of two, 64 at most, smaller for larger images."""
    fitting = max(1, _BATCH_VALUES // math.prod(image_shape))
    return min(_BATCH, 1 << (fitting.bit_length() - 1))
