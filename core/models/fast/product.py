"""The gradient of a matrix product, with results per row that do not depend on the number of rows.

TensorFlow multiplies by a transposed matrix with different kernels for few and for many rows. With the transposed
matrix stored as a constant, the results are the same to the bit, so a small batch can replace part of a large one.
"""

from __future__ import annotations

from typing import Any


def product(op: Any, gradient: Any) -> tuple[Any, Any]:
    """Compute the gradients with respect to both factors of a MatMul operation."""
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
