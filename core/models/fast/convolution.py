"""The gradients of convolutions, with the input gradient in the form of the lowest estimated cost."""

from __future__ import annotations

from typing import Any

from core.models.fast.axes import Axis
from core.models.fast.constants import without_scale
from core.models.fast.costs import LANES, MOVED, multiplications
from core.models.fast.strided import Strided

_SETTINGS = ("strides", "padding", "dilations", "explicit_paddings", "data_format")
_WORTH = 0.7  # another form is used below this share of the cost of TensorFlow's own


def convolution(op: Any, gradient: Any) -> tuple[Any, Any]:
    """Compute the gradients of Conv2D with respect to the images and the kernel.

    Args:
        op: the operation.
        gradient: the gradient of its output, (B, H', W', outputs).
    """
    import tensorflow as tf

    x, kernel = op.inputs
    settings = {name: op.get_attr(name) for name in _SETTINGS}
    of_kernel = tf.raw_ops.Conv2DBackpropFilter(
        input=x, filter_sizes=tf.shape(kernel), out_backprop=gradient, **settings
    )
    gradient, scale = without_scale(op, gradient)
    if scale is not None:
        kernel = kernel * scale
    form = form_of(op)
    if isinstance(form, Strided):
        gradient.set_shape(op.outputs[0].shape)  # its static shape may be incomplete
        return form.gradient(kernel, gradient, *x.shape[1:3]), of_kernel
    of_images = tf.raw_ops.Conv2DBackpropInput(
        input_sizes=tf.shape(x), filter=kernel, out_backprop=gradient, **{**settings, **form}
    )
    return of_images, of_kernel


def depthwise_convolution(op: Any, gradient: Any) -> tuple[Any, Any]:
    """Compute the gradients of DepthwiseConv2dNative with respect to the images and the kernel.

    Args:
        op: the operation.
        gradient: the gradient of its output, (B, H', W', outputs).
    """
    import tensorflow as tf

    x, kernel = op.inputs
    settings = {name: op.get_attr(name) for name in _SETTINGS}
    of_kernel = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
        input=x, filter_sizes=tf.shape(kernel), out_backprop=gradient, **settings
    )
    gradient, scale = without_scale(op, gradient)
    if scale is not None:
        kernel = kernel * tf.reshape(scale, (1, 1, *kernel.shape[2:]))
    of_images = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
        input_sizes=tf.shape(x), filter=kernel, out_backprop=gradient, **settings
    )
    return of_images, of_kernel


def form_of(op: Any) -> Strided | dict[str, Any]:
    """Choose the cheapest form of the input gradient.

    With explicit padding, oneDNN leaves the gradient to Eigen, which computes one matrix product and sums over the
    taps. With few channels that is faster, but Eigen has no such form for dilated kernels.

    Args:
        op: the Conv2D operation.

    Returns:
        A strided form, or the settings to change in TensorFlow's own.
    """
    import tensorflow as tf

    x, kernel = op.inputs
    known = x.shape[1:].is_fully_defined() and kernel.shape.is_fully_defined()
    if not known or op.get_attr("data_format") != b"NHWC" or x.dtype != tf.float32:
        return {}
    height, width, channels, outputs = kernel.shape
    if x.shape[3] != channels or channels >= LANES:  # grouped, or enough channels to fill the vector units
        return {}
    rows, columns = _axis(op, 1), _axis(op, 2)
    places = rows.outputs * columns.outputs
    forms: list[tuple[float, Strided | dict[str, Any]]] = []
    if strided := Strided.cheapest(rows, columns, channels, outputs):
        forms.append((strided.cost(channels, outputs), strided))
    if rows.dilation == columns.dilation == 1:
        taps = height * width * channels
        padding = [0, 0, rows.before, rows.after, columns.before, columns.after, 0, 0]
        written_out = {"padding": "EXPLICIT", "explicit_paddings": padding}
        forms.append((multiplications(places * outputs, taps) + MOVED * places * taps, written_out))
    own = places * height * width * outputs * LANES
    cost, form = min(forms, key=lambda each: each[0], default=(own, {}))
    return form if cost <= _WORTH * own else {}


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
