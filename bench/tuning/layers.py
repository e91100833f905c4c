"""The input gradient of common first layers, alternately in the form that is chosen and in TensorFlow's own."""

from __future__ import annotations

import time
from typing import Any

import click
import numpy as np

from bench.harness.turns import median
from core.models.fast.compiled import compiled
from core.models.fast.convolution import form_of
from core.models.fast.gradients import fast_gradients, input_gradient
from core.models.fast.strided import Strided
from tasks.session import load_tensorflow

ROUNDS = 9
# height and width, kernel, stride, channels, padding, outputs, images at a time
LAYERS = [
    (28, 5, 1, 1, "VALID", 32, 64),
    (28, 3, 1, 1, "VALID", 64, 64),
    (32, 3, 1, 3, "SAME", 32, 64),
    (64, 3, 1, 3, "SAME", 64, 16),
    (32, 5, 1, 3, "SAME", 64, 32),
    (32, 5, 1, 8, "SAME", 64, 32),
    (225, 3, 2, 3, "VALID", 32, 8),
    (224, 7, 2, 3, "SAME", 64, 4),
    (227, 11, 4, 3, "VALID", 96, 8),
    (224, 4, 4, 3, "VALID", 96, 4),
    (224, 16, 16, 3, "VALID", 192, 4),
]


@click.command()
def main() -> None:
    """Print a line for each layer."""
    load_tensorflow()
    for layer in LAYERS:
        click.echo(_row(*layer))


def _row(size: int, kernel: int, stride: int, channels: int, padding: str, outputs: int, images: int) -> str:
    import tensorflow as tf

    rng = np.random.default_rng(0)
    weights = rng.standard_normal((kernel, kernel, channels, outputs), np.float32)
    x = rng.random((images, size, size, channels), np.float32)

    def layer(given: Any) -> Any:
        return tf.nn.conv2d(given, weights, stride, padding)

    def own(given: Any, upstream: Any) -> Any:
        return input_gradient(layer(given), given, upstream)

    def chosen(given: Any, upstream: Any) -> Any:
        with fast_gradients():
            return own(given, upstream)

    upstream = rng.standard_normal(layer(x).shape, np.float32)
    specs = [tf.TensorSpec((None, *each.shape[1:]), tf.float32) for each in (x, upstream)]
    functions = [compiled(function, *specs) for function in (chosen, own)]
    took: list[list[float]] = [[], []]
    for turn in range(ROUNDS + 1):
        for times, function in zip(took, functions, strict=True):
            began = time.process_time()
            function(x, upstream)
            if turn:  # the first is for warming up
                times.append((time.process_time() - began) / images * 1e6)
    ours, theirs = map(median, took)
    with tf.Graph().as_default():
        form = form_of(layer(tf.compat.v1.placeholder(tf.float32, (None, *x.shape[1:]))).op)
    name = f"cells of {form.pixels}" if isinstance(form, Strided) else "one product" if form else "TensorFlow's own"
    return (
        f"{kernel}x{kernel} of {size}x{size}x{channels}, stride {stride}, {padding}, {outputs} outputs: "
        f"{name}, {ours:.0f} us an image; TensorFlow's own {theirs:.0f}, {theirs / ours:.1f} times"
    )
