"""The gradient of Conv2D, its input's in the strided form where that is cheaper."""

from __future__ import annotations

from typing import Any

from core.models.fast.strided import Axis, Strided


def convolution(op: Any, gradient: Any) -> tuple[Any, Any]:
    """The gradients of the images and of the kernel."""
    import tensorflow as tf

    x, kernel = op.inputs
    same = ("strides", "padding", "dilations", "explicit_paddings", "data_format")
    settings = {name: op.get_attr(name) for name in same}
    form = _strided(op)
    if form is None:
        of_images = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.shape(x), filter=kernel, out_backprop=gradient, **settings
        )
    else:
        of_images = form.gradient(kernel, gradient, *x.shape[1:3])
    of_kernel = tf.raw_ops.Conv2DBackpropFilter(
        input=x, filter_sizes=tf.shape(kernel), out_backprop=gradient, **settings
    )
    return of_images, of_kernel


def _strided(op: Any) -> Strided | None:
    import tensorflow as tf

    x, kernel = op.inputs
    known = x.shape[1:].is_fully_defined() and kernel.shape.is_fully_defined()
    if not known or op.get_attr("data_format") != b"NHWC" or x.dtype != tf.float32:
        return None
    if x.shape[3] != kernel.shape[2]:
        return None  # groups
    return Strided.of(_axis(op, 1), _axis(op, 2), channels=x.shape[3])


def _axis(op: Any, axis: int) -> Axis:
    size, outputs = op.inputs[0].shape[axis], op.outputs[0].shape[axis]
    kernel = op.inputs[1].shape[axis - 1]
    stride, dilation = op.get_attr("strides")[axis], op.get_attr("dilations")[axis]
    before = 0
    if op.get_attr("padding") == b"SAME":
        before = max(0, (outputs - 1) * stride + (kernel - 1) * dilation + 1 - size) // 2
    elif op.get_attr("padding") == b"EXPLICIT":
        before = op.get_attr("explicit_paddings")[2 * axis]
    return Axis(size, outputs, kernel, stride, dilation, before)
