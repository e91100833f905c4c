"""Infers the pixel range that a model expects from its first layers, such as a rescaling by 1/255."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

Bounds = tuple[float, float]
BYTES, UNIT = (0.0, 255.0), (0.0, 1.0)

# Operations after which pixels are still in the units of the input.
_SAME_UNITS = re.compile(
    r"InputLayer|Reshape|Permute|Transpose|GetItem|Concatenate|Stack|Cast|Dropout|GaussianNoise|Resizing|CenterCrop"
    r"|ZeroPadding2D|Random\w+"
)


def pixel_bounds(model: Any) -> Bounds | None:
    """The range of pixels that the first layers say, nested models included; None if they say nothing.

    Args:
        model: a keras.Model.

    Returns:
        (0, 255) for a division by about 255 or 127.5, or a normalisation with means in these units; (0, 1) for one
        with means or scales for that range.
    """
    for operation in _operations(model):
        found = _said_by(operation)
        if found is not None:
            return found
        if not _SAME_UNITS.fullmatch(type(operation).__name__):
            return None
    return None


def _operations(model: Any) -> Iterator[Any]:
    """The model's layers and functions in their order, with those of nested models in their place."""
    operations: Iterable[Any] = getattr(model, "operations", ()) or getattr(model, "layers", ())
    for each in operations:
        if getattr(each, "layers", None):
            yield from _operations(each)
        else:
            yield each


def _said_by(operation: Any) -> Bounds | None:
    kind = type(operation).__name__
    if kind == "Rescaling":
        return _by_scale(operation.scale)
    if kind == "Normalization":
        return _by_mean(operation.mean, operation.variance)
    if kind in {"TrueDivide", "Divide", "Multiply", "Subtract", "Add"}:
        constant = _constant(operation)
        if constant is None:
            return None
        if kind in {"Subtract", "Add"}:
            return BYTES if constant > 2 else None
        return _by_scale(constant if kind == "Multiply" else 1 / constant)
    return None


def _constant(operation: Any) -> float | None:
    """The largest magnitude of the constant that a function such as ``x / 255`` takes."""
    for each in operation._inbound_nodes[-1].arguments.args:
        if not hasattr(each, "_keras_history"):  # then it is no tensor of the graph
            return float(np.abs(np.asarray(each, np.float64)).max()) or None
    return None


def _by_scale(scale: Any) -> Bounds | None:
    largest = float(np.max(np.asarray(scale, np.float64)))
    if 0.5 <= 255 * largest <= 4:
        return BYTES
    return UNIT if largest >= 0.5 and largest != 1 else None


def _by_mean(mean: Any, variance: Any) -> Bounds | None:
    largest, deviation = float(np.max(np.asarray(mean))), float(np.sqrt(np.max(np.asarray(variance))))
    if max(largest, deviation) > 2:
        return BYTES
    return UNIT if largest > 0 else None
