"""Counts what a model's layers multiply, and how much of it has no kernel for bfloat16."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from core.models.fast.frozen import own_weights

# Forward passes and input gradients of these are products of large matrices, for which oneDNN has kernels.
_WITH_KERNEL = {"Conv1D", "Conv2D", "Conv3D", "Dense", "EinsumDense", "MultiHeadAttention", "GroupQueryAttention"}
_SEPARABLE = {"SeparableConv1D", "SeparableConv2D"}  # a depthwise convolution and one of 1 x 1


class Operations(BaseModel):
    """What a forward pass of one image multiplies, by the shapes of the layers.

    Attributes:
        multiplications: of weights with values, in all layers; 0 if the model does not say what its layers compute, or
            its sizes are open.
        without_bfloat16: those without a kernel for bfloat16: of depthwise and grouped convolutions, whose gradients
            have none, and of all layers that are not known.
        own_weights: whether the weights are Keras's own, not a SavedModel's, which bfloat16 needs.
    """

    model_config = ConfigDict(frozen=True)

    multiplications: int
    without_bfloat16: int
    own_weights: bool = True

    @property
    def share_without_bfloat16(self) -> float:
        """In 0..1; NaN if nothing was counted."""
        return self.without_bfloat16 / self.multiplications if self.multiplications else math.nan


def count_operations(model: Any) -> Operations:
    """Count the multiplications of a keras.Model, or of a SavedModel, which does not say what its layers compute."""
    own = own_weights(model)
    total = without = 0
    for layer in _layers(model):
        weights = [tuple(each.shape) for each in layer.weights if len(each.shape) > 1]
        if not weights:
            continue
        positions = _positions(layer)
        if positions is None:
            return Operations(multiplications=0, without_bfloat16=0, own_weights=own)
        found = positions * sum(map(math.prod, weights))
        total += found
        kind = type(layer).__name__
        if kind in _SEPARABLE:
            without += positions * math.prod(layer.depthwise_kernel.shape)
        elif kind not in _WITH_KERNEL or getattr(layer, "groups", 1) != 1:
            without += found
    return Operations(multiplications=total, without_bfloat16=without, own_weights=own)


def _layers(model: Any) -> Iterator[Any]:
    """The layers, those of nested models in their place."""
    layers: Iterable[Any] = getattr(model, "layers", ())
    for each in layers:
        if getattr(each, "layers", None):
            yield from _layers(each)
        else:
            yield each


def _positions(layer: Any) -> int | None:
    """The places of the output, without batch and channels; None if they are open."""
    try:
        shape = list(layer.output.shape)
    except (AttributeError, ValueError):  # never called, or several outputs
        return None
    channels_first = getattr(layer, "data_format", None) == "channels_first"
    places = shape[2:] if channels_first else shape[1:-1]
    return None if None in places else math.prod(places)
