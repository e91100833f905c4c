"""Constants of a traced graph, and what gradients gain from them.

Batch normalisation at inference multiplies each channel by a constant, and its gradient multiplies the gradient of the
convolution before it by the same constant: a pass over the largest tensors of the graph. Multiplying the kernel instead
costs nothing, because TensorFlow computes what depends on constants alone once, when the graph is first run.
"""

from __future__ import annotations

from typing import Any

_LARGEST = 10 << 20  # bytes of a constant that TensorFlow computes beforehand


def is_constant(tensor: Any) -> bool:
    """Whether a tensor depends on constants alone."""
    op = tensor.op
    if op.type == "Const":
        return True
    return bool(op.inputs) and not op.op_def.is_stateful and all(is_constant(each) for each in op.inputs)


def is_computed_once(kernel: Any) -> bool:
    """Whether a kernel, and what is made of it in the same size, becomes a constant of the compiled graph."""
    known = kernel.shape.is_fully_defined()
    return known and kernel.shape.num_elements() * kernel.dtype.size <= _LARGEST and is_constant(kernel)


def without_scale(op: Any, gradient: Any) -> tuple[Any, Any]:
    """Undo the multiplication of an output gradient by a constant per channel, if the kernel can take it over.

    Args:
        op: a convolution.
        gradient: the gradient of its output, (B, H, W, outputs).

    Returns:
        The gradient before the multiplication and the constant, (outputs,). The constant is None, and the gradient
        unchanged, if there is no such constant or the kernel is none.
    """
    import tensorflow as tf

    outputs = op.outputs[0].shape[3]
    if op.get_attr("data_format") == b"NHWC" and gradient.op.type == "Mul" and is_computed_once(op.inputs[1]):
        factors = tuple(gradient.op.inputs)
        for before, scale in (factors, factors[::-1]):
            whole = before.shape.rank == 4 and before.shape[3] == outputs
            by_channel = bool(scale.shape.rank) and scale.shape[-1] == scale.shape.num_elements() == outputs
            if whole and by_channel and is_constant(scale):
                return before, tf.reshape(scale, (outputs,))
    return gradient, None
