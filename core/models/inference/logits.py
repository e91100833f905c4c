"""Computes the logits of a classifier that ends in a softmax or a sigmoid, without changing the model.

When the activation saturates, the gradient of its cross-entropy in float32 is exactly zero. The last layer is therefore
evaluated without its activation, with the model's own weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

Logits = Callable[[Any], Any]
Ending = Literal["softmax removed", "sigmoid removed", "output"]
_HALF = {"float16", "bfloat16"}


def logits_function(model: Any) -> tuple[Logits, Ending]:
    """Build a function from the model's input to the values before its last activation, both tensors.

    Args:
        model: a keras.Model.

    Returns:
        The function, and ``"softmax removed"`` or ``"sigmoid removed"``; or ``"output"`` if the function returns the
        model's output unchanged.
    """
    return _without_activation(model) or ((lambda x: model(x, training=False)), "output")


def ends_in_linear_layer(model: Any) -> bool:
    """Whether the model's last layer is a Dense layer without an activation."""
    import keras

    last = _last(model)
    if last is None:
        return False
    if isinstance(last[0], keras.Model):
        return ends_in_linear_layer(last[0])
    return type(last[0]) is keras.layers.Dense and last[0].activation is keras.activations.linear


def _last(model: Any) -> tuple[Any, Any] | None:
    """The operation that makes the output and its only input, or None."""
    outputs = getattr(model, "outputs", None)
    history = getattr(outputs[0], "_keras_history", None) if outputs else None
    if history is None:
        return None  # a subclassed model has no graph to inspect
    inputs = history.operation._inbound_nodes[history.node_index].input_tensors
    return (history.operation, inputs[0]) if len(inputs) == 1 else None


def _without_activation(model: Any) -> tuple[Logits, Ending] | None:
    import keras

    last = _last(model)
    if last is None:
        return None
    operation, features = last
    before = keras.Model(model.inputs, features)
    if _only_reshapes(operation):
        # A sigmoid acts on each value alone, so it comes off before a change of shape too.
        inner = _without_activation(before)
        return inner if inner is not None and inner[1] == "sigmoid removed" else None
    head = _head(operation)
    if head is None:
        return None
    function, ending = head
    return (lambda x: function(before(x, training=False))), ending


def _head(last: Any) -> tuple[Logits, Ending] | None:
    """The function from the last layer's input to the values before its activation, or None if it can't be removed."""
    import keras

    if isinstance(last, keras.Model):
        return _without_activation(last)
    ending = _ending(last)
    if ending is None:
        return None
    if type(last) is keras.layers.Dense:
        return (lambda features: _affine(last, features)), ending
    return (lambda features: features), ending


def _ending(last: Any) -> Ending | None:
    import keras

    if isinstance(last, keras.layers.Softmax) and last.axis in {-1, 1}:
        return "softmax removed"
    if type(last) not in {keras.layers.Dense, keras.layers.Activation}:
        return None
    if last.activation is keras.activations.softmax:
        return "softmax removed"
    return "sigmoid removed" if last.activation is keras.activations.sigmoid else None


def _only_reshapes(operation: Any) -> bool:
    """Whether an operation changes no value of (N, 1) or (N,)."""
    import keras

    return isinstance(operation, keras.layers.Reshape | keras.layers.Flatten) or type(operation).__name__ == "Squeeze"


def _affine(dense: Any, features: Any) -> Any:
    from keras import ops

    if features.dtype.name in _HALF:  # logits need float32 even if the layers before compute in half precision
        features = ops.cast(features, "float32")
    product = ops.matmul(features, ops.cast(dense.kernel, features.dtype))
    return product if dense.bias is None else ops.add(product, ops.cast(dense.bias, features.dtype))
