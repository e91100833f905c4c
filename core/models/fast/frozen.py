"""A model's weights as constants of the traced graph.

TensorFlow then folds what follows from weights alone: batch normalisation into the convolution
before it, the filter of the strided form into one array. Each graph holds its own copy.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

MAX_CONSTANT_BYTES = 128 << 20


class Weights:
    """The weights of a model as they are now."""

    def __init__(self, model: Any) -> None:
        self._values = [(each, each.numpy()) for each in model.variables] if _are_constants(model) else []

    def as_constants(self) -> AbstractContextManager[Any]:
        """Within it, a graph that is traced has them as constants; as variables where they are many."""
        import keras
        import tensorflow as tf

        if not self._values:
            return nullcontext()
        scope: AbstractContextManager[Any] = keras.StatelessScope(
            [(variable, tf.constant(value)) for variable, value in self._values]
        )
        return scope


def memory_with_graphs(model: Any, graphs: int) -> int:
    """The bytes of the weights, in the model and in each of so many traced graphs that hold a copy."""
    return _weight_bytes(model) * (1 + graphs if _are_constants(model) else 1)


def _are_constants(model: Any) -> bool:
    return _weight_bytes(model) <= MAX_CONSTANT_BYTES


def _weight_bytes(model: Any) -> int:
    return sum(math.prod(each.shape) * each.value.dtype.size for each in model.variables)
