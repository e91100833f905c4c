"""Computes the logits of a classifier that ends in a softmax, without changing the model.

When a softmax saturates, its cross-entropy gradient in float32 is exactly zero. The last layer is therefore evaluated
without its activation, with the model's own weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Logits = Callable[[Any], Any]


def logits_function(model: Any) -> tuple[Logits, str]:
    """Build a function from images (N, H, W, C) to logits (N, classes), both tensors.

    Args:
        model: a keras.Model.

    Returns:
        The function, and ``"softmax removed"``, or ``"output"`` if the function returns the model's output unchanged.
    """
    taken = _without_softmax(model)
    if taken is None:
        return (lambda x: model(x, training=False)), "output"
    return taken, "softmax removed"


def _without_softmax(model: Any) -> Logits | None:
    import keras

    outputs = getattr(model, "outputs", None)
    history = getattr(outputs[0], "_keras_history", None) if outputs else None
    if history is None:
        return None  # a subclassed model has no graph to inspect
    last = history.operation
    inputs = last._inbound_nodes[history.node_index].input_tensors
    if len(inputs) != 1:
        return None
    before = keras.Model(model.inputs, inputs[0])
    head = _head(last)
    return None if head is None else lambda x: head(before(x, training=False))


def _head(last: Any) -> Logits | None:
    """The function from the last layer's input to the logits, or None if the layer isn't a softmax."""
    import keras

    softmax = getattr(last, "activation", None) is keras.activations.softmax
    if isinstance(last, keras.Model):
        return _without_softmax(last)
    if type(last) is keras.layers.Dense and softmax:
        return lambda features: _affine(last, features)
    if isinstance(last, keras.layers.Softmax) and last.axis in {-1, 1}:
        return lambda features: features
    if type(last) is keras.layers.Activation and softmax:
        return lambda features: features
    return None


def _affine(dense: Any, features: Any) -> Any:
    from keras import ops

    product = ops.matmul(features, ops.cast(dense.kernel, features.dtype))
    return product if dense.bias is None else ops.add(product, ops.cast(dense.bias, features.dtype))
