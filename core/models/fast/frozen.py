"""Turns a model's weights into constants or variables of the traced graph.

Of constants TensorFlow folds whatever depends on weights alone, such as batch normalisation into the preceding
convolution and the filter of the strided form into one array. But each compiled function takes several copies of them,
so the large weights of a large model are variables, which all functions of a ``Program`` share.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

from core.models.fast.compiled import in_program, session_variable

MAX_CONSTANT_BYTES = 32 << 20  # of all weights of a model
MAX_SMALL_BYTES = 64 << 10  # of a weight that is a constant in any model, such as those of batch normalisation
# Copies of the constants, what their tracing leaves behind included; measured with ResNet50.
_COPIES_OF_GRAPH, _COPIES_OF_FUNCTION = 15, 2


class Weights:
    """A model's weights, as traced graphs read them."""

    def __init__(self, model: Any) -> None:
        import keras

        # The variables of a SavedModel belong to its functions and stay there.
        self._variables = [each for each in model.variables if isinstance(each, keras.Variable)]
        self._all_constant = _are_constants(model)
        self._tensors: WeakKeyDictionary[Any, list[tuple[Any, Any]]] = WeakKeyDictionary()

    def in_graph(self) -> AbstractContextManager[Any]:
        """A context in which the functions traced into a ``Program`` read the weights there, once for all of them."""
        import keras
        import tensorflow as tf

        if not self._variables or not (self._all_constant or in_program()):
            return nullcontext()
        graph = tf.compat.v1.get_default_graph()
        if graph not in self._tensors:
            self._tensors[graph] = [(each, self._tensor(each)) for each in self._variables]
        scope: AbstractContextManager[Any] = keras.StatelessScope(self._tensors[graph])
        return scope

    def _tensor(self, variable: Any) -> Any:
        import tensorflow as tf

        with tf.init_scope():
            value = variable.numpy()
        constant = self._all_constant or value.nbytes <= MAX_SMALL_BYTES
        return tf.constant(value) if constant else session_variable(value)


def memory_with_functions(model: Any, functions: int) -> int:
    """The size in bytes of the weights in the model and in this many compiled functions of a ``Program``."""
    copies = _COPIES_OF_GRAPH + _COPIES_OF_FUNCTION * functions if _are_constants(model) else 1
    return _weight_bytes(model) * (1 + copies)


def own_weights(model: Any) -> bool:
    """Whether all weights are Keras's own variables; those of a SavedModel are not."""
    import keras

    return all(isinstance(each, keras.Variable) for each in model.variables)


def _are_constants(model: Any) -> bool:
    return _weight_bytes(model) <= MAX_CONSTANT_BYTES


def _weight_bytes(model: Any) -> int:
    import tensorflow as tf

    return sum(math.prod(each.shape) * tf.as_dtype(each.dtype).size for each in model.variables)
