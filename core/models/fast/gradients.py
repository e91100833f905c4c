"""Gradients of single operations, in place of TensorFlow's, in the graphs that are traced here.

An override is right for whatever stands around the operation: each gives the whole gradient, and
takes TensorFlow's form where its own doesn't apply. Gradients that nobody asks for are not computed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from core.models.fast.convolution import convolution
from core.models.fast.pooling import max_pool, relu
from core.models.fast.product import product

_OVERRIDES = {"Conv2D": convolution, "MatMul": product, "MaxPool": max_pool, "Relu": relu}


@contextmanager
def fast_gradients(operations: Collection[str] = tuple(_OVERRIDES)) -> Iterator[None]:
    """Within it, these operations, where they are added to the current graph, get these gradients."""
    import tensorflow as tf

    chosen = {operation: _registered()[operation] for operation in operations}
    with tf.compat.v1.get_default_graph().gradient_override_map(chosen):
        yield


def input_gradient(y: Any, x: Any, upstream: Any = None) -> Any:
    """The gradient of the sum of y, weighted with ``upstream``, with respect to x; zero where nothing leads there.

    A GradientTape would not see the overrides.
    """
    import tensorflow as tf

    return tf.gradients(y, x, upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO)[0]


@cache
def _registered() -> dict[str, str]:
    """The overrides' names by their operations; TensorFlow takes each name once per process."""
    import tensorflow as tf

    names = {operation: f"Advshard{operation}" for operation in _OVERRIDES}
    for operation, name in names.items():
        tf.RegisterGradient(name)(_OVERRIDES[operation])
    return names
