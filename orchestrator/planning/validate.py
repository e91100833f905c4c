"""Checks everything in a request before anything is hashed or written. Pure functions."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np

from core.datasets.base import ImageSet
from core.errors import ConfigError, DataError
from core.image.pixels import Preprocess
from core.models.files.card import ModelCard
from core.registry import ATTACKS
from core.run.manifest import RunConfig
from core.shard.targets import RULES
from orchestrator.planning.request import Request
from orchestrator.planning.stages import cascade

_BATCH_VALUES = 64 * 64 * 64 * 3  # pixel values in a batch: larger images, smaller batches
_BATCH = 64


def run_config(request: Request) -> RunConfig:
    """The request's attacks with every hyper-parameter.

    The batch size is that of small images unless the request names one: see ``default_batch_size``.

    Raises:
        ConfigError: an option or a hyper-parameter is invalid.
    """
    if request.shards < 1:
        raise ConfigError("1 shard or more", f"{request.shards}", "for example --shards 64")
    if request.limit is not None and request.limit < 1:
        raise ConfigError("a limit of 1 image or more", f"{request.limit}", "leave --limit out for all images")
    low, high = request.bounds
    if not (np.isfinite([low, high]).all() and low < high):
        raise ConfigError("bounds LO below HI", f"{low:g} {high:g}", "for example --bounds 0 1")
    if request.preprocess not in get_args(Preprocess):
        raise ConfigError(
            f"{', '.join(get_args(Preprocess))} as the preprocessing", repr(request.preprocess), "correct it"
        )
    return RunConfig(
        stages=tuple(cascade(request.attack, request.fallback, request.params, request.bounds)),
        labels=request.labels,
        target=_target(request),
        bounds=request.bounds,
        preprocess=request.preprocess,
        seed=request.seed,
        batch_size=request.batch_size or _BATCH,
    )


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


def check_classes(images: ImageSet, config: RunConfig, card: ModelCard) -> None:
    """Raise InputError for a label or a target that is not a class of the model, or labels that are missing."""
    if images.labels is None and config.labels == "true":
        raise DataError(
            f"{images.name} with labels, which images are to be moved away from",
            "no labels",
            "leave --labels true out (from Python, move_from), or give the labels",
        )
    if images.labels is not None and images.labels.max() >= card.classes:
        raise DataError(
            f"labels in 0..{card.classes - 1}, for a model with {card.classes} classes",
            f"a label {images.labels.max()}",
            "give the labels or the model that fit",
        )
    if isinstance(config.target, int) and config.target >= card.classes:
        raise ConfigError(
            f"a target in 0..{card.classes - 1}, for a model with {card.classes} classes",
            f"{config.target}",
            "give the number of a class",
        )


def default_batch_size(image_shape: tuple[int, ...]) -> int:
    """The batch size for images of shape (H, W, C): a power of two, 64 at most, smaller for larger images."""
    fitting = max(1, _BATCH_VALUES // math.prod(image_shape))
    return min(_BATCH, 1 << (fitting.bit_length() - 1))
