"""Turns a model's weights into constants of the traced graph.

TensorFlow then folds whatever depends on weights alone, such as batch normalisation into the preceding convolution and
the filter of the strided form into one array. Each graph holds its own copy of the weights.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

MAX_CONSTANT_BYTES = 128 << 20


class Weights:
    """A snapshot of a model's weights; empty for models with more than 128 MiB of them."""

    def __init__(self, model: Any) -> None:
        import keras

        # The variables of a SavedModel belong to its functions and stay there.
        own = [each for each in model.variables if isinstance(each, keras.Variable)]
        self._values = [(each, each.numpy()) for each in own] if _are_constants(model) else []

    def as_constants(self) -> AbstractContextManager[Any]:
        """A context in which traced graphs get the weights as constants, or, above 128 MiB, as variables."""
        import keras
        import tensorflow as tf

        if not self._values:
            return nullcontext()
        scope: AbstractContextManager[Any] = keras.StatelessScope(
            [(variable, tf.constant(value)) for variable, value in self._values]
        )
        return scope


def memory_with_graphs(model: Any, graphs: int) -> int:
    """The size in bytes of the weights in the model and in the copies of this many traced graphs."""
    return _weight_bytes(model) * (1 + graphs if _are_constants(model) else 1)


def _are_constants(model: Any) -> bool:
    return _weight_bytes(model) <= MAX_CONSTANT_BYTES


def _weight_bytes(model: Any) -> int:
    import tensorflow as tf

    return sum(math.prod(each.shape) * tf.as_dtype(each.dtype).size for each in model.variables)
