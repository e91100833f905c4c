"""The gradient of a matrix product, such that a row's bits don't depend on the number of rows.

TensorFlow multiplies by a transposed matrix with other kernels for few rows than for many. With the
transposed matrix as a constant of its own, few rows and many come to the same bits, and a small batch
can stand in for a part of a large one.
"""

from __future__ import annotations

from typing import Any


def product(op: Any, gradient: Any) -> tuple[Any, Any]:
    """The gradients of both factors."""
    import tensorflow as tf

    a, b = (tf.math.conj(factor) for factor in op.inputs)
    left, right = op.get_attr("transpose_a"), op.get_attr("transpose_b")
    if op.inputs[1].op.type == "Const" and not left:
        of_a = tf.linalg.matmul(gradient, b if right else tf.transpose(b))
    elif left:
        of_a = tf.linalg.matmul(b, gradient, transpose_a=right, transpose_b=True)
    else:
        of_a = tf.linalg.matmul(gradient, b, transpose_b=not right)
    if right:
        of_b = tf.linalg.matmul(gradient, a, transpose_a=True, transpose_b=left)
    else:
        of_b = tf.linalg.matmul(a, gradient, transpose_a=not left)
    return of_a, of_b
