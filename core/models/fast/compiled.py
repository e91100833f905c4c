"""Compiles traced functions of NumPy arrays that survive ``clear_session``.

``clear_session`` discards the kernels of all TensorFlow functions, after which the next call of each takes 50 to 70 ms
longer. A separate session on the same graph keeps its kernels, and has its own threads.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

_sessions: WeakSet[Any] = WeakSet()


def compiled(function: Callable[..., Any], *specs: Any) -> Callable[..., list[NDArray[Any]]]:
    """Trace a function of tensors once and return a function of NumPy arrays.

    Args:
        function: takes and returns tensors.
        specs: one tf.TensorSpec per argument.

    Returns:
        A function that takes arrays of these specs and returns the results as a list of arrays.
    """
    import tensorflow as tf
    from tensorflow.core.protobuf import config_pb2

    concrete = tf.function(function, autograph=False).get_concrete_function(*specs)
    if concrete.captured_inputs:  # some weights are variables, which a session can't read
        return lambda *arrays: [np.asarray(each) for each in tf.nest.flatten(concrete(*map(tf.constant, arrays)))]
    one_thread = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=1,
        inter_op_parallelism_threads=1,
        gpu_options=tf.compat.v1.GPUOptions(allow_growth=True),
    )
    session = tf.compat.v1.Session(graph=concrete.graph, config=one_thread)
    # The public make_callable goes through Session.run if there are inputs, which takes 0.15 ms more per call.
    options = config_pb2.CallableOptions(
        feed=[tensor.name for tensor in concrete.inputs], fetch=[tensor.name for tensor in concrete.outputs]
    )
    _sessions.add(session)
    run: Callable[..., list[NDArray[Any]]] = session._make_callable_from_options(options)
    return run


@atexit.register
def _close_sessions() -> None:
    """Close all sessions before the interpreter unloads TensorFlow, after which their callables can't be released."""
    for session in list(_sessions):
        session.close()
