"""The gradients of max pooling and of a ReLU before it.

If the pooling is the only consumer of the ReLU's output, the ReLU's mask is applied to the pooled values, of which
there are fewer. A maximum of 0 passes no gradient through the ReLU, and a positive maximum lies where the ReLU passes
the gradient unchanged, so the result is the same to the bit.
"""

from __future__ import annotations

from typing import Any

_SETTINGS = ("ksize", "strides", "padding", "explicit_paddings", "data_format")


def max_pool(op: Any, gradient: Any) -> Any:
    """Compute the gradient with respect to the input of a MaxPool operation."""
    import tensorflow as tf

    if _masks_for_relu(op):
        gradient = tf.raw_ops.ReluGrad(gradients=gradient, features=op.outputs[0])
    return tf.raw_ops.MaxPoolGrad(
        orig_input=op.inputs[0],
        orig_output=op.outputs[0],
        grad=gradient,
        **{name: op.get_attr(name) for name in _SETTINGS},
    )


def relu(op: Any, gradient: Any) -> Any:
    """Compute the gradient with respect to the input of a Relu operation."""
    import tensorflow as tf

    if any(user.type == "MaxPool" and _masks_for_relu(user) for user in op.outputs[0].consumers()):
        return gradient
    return tf.raw_ops.ReluGrad(gradients=gradient, features=op.outputs[0])


def _masks_for_relu(pool: Any) -> bool:
    """Whether the input is a ReLU's output that is used only by this pooling and its gradient."""
    before = pool.inputs[0]
    others = [user for user in before.consumers() if user != pool and not _is_gradient_of(user, pool)]
    return before.op.type == "Relu" and not others


def _is_gradient_of(user: Any, pool: Any) -> bool:
    return user.type == "MaxPoolGrad" and user.inputs[1] is pool.outputs[0]
