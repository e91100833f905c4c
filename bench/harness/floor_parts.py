"""``python -m bench.harness.floor_parts ROUNDS`` times the gradient with and without the engine's parts (JSON).

Everything runs alternately in one process with one thread, so that all of it sees the same machine.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np

from bench.harness.turns import median

BATCH, SIDE, REPEATS = 64, 1024, 4
SHIPPED, COLOUR = "the shipped cnn, 28x28x1", "three blocks with batch normalisation, 32x32x3"
OWN = "TensorFlow's own"
ALL_PARTS, ATTACK = "weights as constants", "whole attack, a step"
STEPS: dict[str, tuple[bool, tuple[str, ...]]] = {
    "strided first convolution": (False, ("Conv2D",)),
    "ReLU after the pooling": (False, ("Conv2D", "MaxPool", "Relu")),
    ALL_PARTS: (True, ("Conv2D", "MaxPool", "Relu", "MatMul")),
}


def flops_of(model: Any) -> float:
    """Multiplications and additions of convolutions and products for one image, forward and input gradient."""
    import keras

    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            places = math.prod(layer.output.shape[1:-1])
            total += 2 * places * math.prod(layer.kernel.shape)
    return 2.0 * total


def colour_model() -> Any:
    """An untrained model, typical for small colour images."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    entry = keras.Input((32, 32, 3))
    h: Any = entry
    for width in (32, 64, 128):
        for _ in range(2):
            h = layers.Conv2D(width, 3, padding="same", use_bias=False)(h)
            h = layers.Activation("relu")(layers.BatchNormalization()(h))
        h = layers.MaxPooling2D()(h)
    return keras.Model(entry, layers.Dense(10)(layers.Flatten()(h)))


def gradients_of(model: Any, shape: tuple[int, ...]) -> dict[str, Callable[..., Any]]:
    """The compiled gradient with none, some and all of the engine's parts."""
    import tensorflow as tf

    from core.models.fast.compiled import compiled
    from core.models.fast.frozen import Weights
    from core.models.fast.gradients import fast_gradients, input_gradient
    from core.models.inference.logits import logits_function

    logits, _ = logits_function(model)
    weights = Weights(model)
    specs = tf.TensorSpec((None, *shape), tf.float32), tf.TensorSpec((None,), tf.int64)

    def loss(x: Any, y: Any) -> Any:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits(x))

    def own(x: Any, y: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            value = loss(x, y)
        return tape.gradient(value, x)

    def with_parts(*, constants: bool, operations: tuple[str, ...]) -> Callable[..., Any]:
        def gradient(x: Any, y: Any) -> Any:
            with weights.in_graph() if constants else nullcontext(), fast_gradients(operations):
                return input_gradient(loss(x, y), x)

        return compiled(gradient, *specs)

    return {
        OWN: compiled(own, *specs),
        **{
            name: with_parts(constants=constants, operations=operations)
            for name, (constants, operations) in STEPS.items()
        },
    }


def _repeated(gradient: Callable[..., Any], x: Any, y: Any) -> None:
    for _ in range(REPEATS):
        gradient(x, y)


def _timed(function: Callable[[], Any], images: int) -> float:
    began = time.process_time()
    function()
    return (time.process_time() - began) / images * 1e6


def measure(rounds: int) -> None:
    """Measure everything alternately and print it as JSON."""
    from tasks.session import load_tensorflow

    load_tensorflow()
    import tensorflow as tf

    from core.attacks.base import Examples
    from core.attacks.mifgsm import MIFGSM
    from core.models.files.card import ZOO
    from core.models.files.loading import load_model
    from core.models.inference.classifier import KerasClassifier

    square = tf.constant(np.random.default_rng(0).random((SIDE, SIDE), np.float32))
    multiply = tf.function(lambda a: tf.linalg.matmul(a, square))
    models = {SHIPPED: (load_model(ZOO / "cnn.keras"), (28, 28, 1)), COLOUR: (colour_model(), (32, 32, 3))}
    rng = np.random.default_rng(1)
    work: list[tuple[str, str, Callable[[], Any], int]] = []
    for name, (model, shape) in models.items():
        x, y = rng.random((BATCH, *shape), np.float32), np.arange(BATCH) % 10
        for part, gradient in gradients_of(model, shape).items():
            work.append((name, part, partial(_repeated, gradient, x, y), REPEATS * BATCH))
    classifier = KerasClassifier(models[SHIPPED][0], models[SHIPPED][1], BATCH)
    x = rng.random((4 * BATCH, 28, 28, 1), np.float32)
    examples = Examples(x, np.arange(len(x)) % 10, np.arange(len(x)))
    attack = MIFGSM(early_stop=False, step_back=0)
    work.append((SHIPPED, ATTACK, lambda: attack.run(classifier, examples), attack.steps * len(x)))
    found: dict[str, dict[str, list[float]]] = {name: {} for name in models}
    rates: list[float] = []
    for turn in range(rounds + 1):
        took = _timed(lambda: [multiply(square) for _ in range(4)], 4)
        each = [(name, part, _timed(function, images)) for name, part, function, images in work]
        if turn:  # the first is for warming up
            rates.append(2 * SIDE**3 / took / 1e3)
            for name, part, seconds in each:
                found[name].setdefault(part, []).append(seconds)
    print(
        json.dumps(
            {
                "matmul": rates,
                "flops": {name: flops_of(model) for name, (model, _) in models.items()},
                "microseconds": found,
                "operations": _operations(models[SHIPPED][0]),
            }
        )
    )


def _operations(model: Any) -> list[tuple[str, float, float]]:
    """The longest operations of the cnn's gradient, from TensorFlow's own trace: us and FLOP an image."""
    from unittest import mock

    import tensorflow as tf

    from core.models.inference.classifier import KerasClassifier

    traced: list[Any] = []
    make = tf.compat.v1.Session._make_callable_from_options

    def remember(session: Any, *arguments: Any, **more: Any) -> Any:
        traced.append(session)
        return make(session, *arguments, **more)

    with mock.patch.object(tf.compat.v1.Session, "_make_callable_from_options", remember):
        classifier = KerasClassifier(model, (28, 28, 1), BATCH)
        x, y = np.random.default_rng(0).random((BATCH, 28, 28, 1), np.float32), np.zeros(BATCH, np.int64)
        for _ in range(5):
            classifier.gradient(x, y, "cross_entropy")
    session = traced[-1]
    graph = session.graph
    options = tf.compat.v1.RunOptions(trace_level=tf.compat.v1.RunOptions.FULL_TRACE)
    samples: dict[tuple[str, str], list[float]] = {}
    for _ in range(20):
        metadata = tf.compat.v1.RunMetadata()
        feed = {tensor.name: array for tensor, array in zip(graph.inputs, (x, y), strict=True)}
        session.run([tensor.name for tensor in graph.outputs], feed, options, metadata)
        for node in metadata.step_stats.dev_stats[0].node_stats:
            kind = node.timeline_label.split("=")[-1].split("(")[0].strip()
            took = (node.op_end_rel_nanos - node.op_start_rel_nanos) / 1e3 / BATCH
            samples.setdefault((node.node_name, kind), []).append(took)
    longest = sorted(((median(values), *which) for which, values in samples.items()), reverse=True)[:14]
    return [
        (f"{name.split('/')[-1]} ({kind})", took, _flops(graph.get_operation_by_name(name), fused="Fused" in kind))
        for took, name, kind in longest
    ]


def _flops(operation: Any, *, fused: bool) -> float:
    """Multiplications and additions for one image; a fused operation has the name of its last part."""
    while fused and operation.type in ("Relu", "BiasAdd"):
        operation = operation.inputs[0].op
    if operation.type == "MatMul":
        return float(2 * math.prod(operation.inputs[1].shape))
    if operation.type not in ("Conv2D", "Conv2DBackpropInput"):
        return 0.0
    places = operation.outputs[0] if operation.type == "Conv2D" else operation.inputs[2]
    return float(2 * math.prod(places.shape[1:3]) * math.prod(operation.inputs[1].shape))


if __name__ == "__main__":
    measure(int(sys.argv[1]))
