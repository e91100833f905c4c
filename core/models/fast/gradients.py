"""Overrides TensorFlow's gradients of single operations in traced graphs.

An override is correct in any graph: each returns the complete gradient, and falls back to TensorFlow's form where its
own doesn't apply. Gradients that are not used are not computed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from core.models.fast.convolution import convolution, depthwise_convolution
from core.models.fast.pooling import max_pool, relu
from core.models.fast.product import product

_OVERRIDES = {
    "Conv2D": convolution,
    "DepthwiseConv2dNative": depthwise_convolution,
    "MatMul": product,
    "MaxPool": max_pool,
    "Relu": relu,
}


@contextmanager
def fast_gradients(operations: Collection[str] = tuple(_OVERRIDES)) -> Iterator[None]:
    """A context in which ``operations`` added to the current graph get the overridden gradients."""
    import tensorflow as tf

    chosen = {operation: _registered()[operation] for operation in operations}
    with tf.compat.v1.get_default_graph().gradient_override_map(chosen):
        yield


def input_gradient(y: Any, x: Any, upstream: Any = None) -> Any:
    """Compute the gradient of sum(y * upstream) with respect to x; zero where y doesn't depend on x.

    It uses tf.gradients, because a GradientTape would not see the overrides.

    Args:
        y, x: tensors of the current graph.
        upstream: weights of y's shape, by default 1.
    """
    import tensorflow as tf

    return tf.gradients(y, x, upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO)[0]


@cache
def _registered() -> dict[str, str]:
    """The override's registered name for each operation; TensorFlow accepts each name once per process."""
    import tensorflow as tf

    names = {operation: f"Advshard{operation}" for operation in _OVERRIDES}
    for operation, name in names.items():
        tf.RegisterGradient(name)(_OVERRIDES[operation])
    return names
