"""A traced function that NumPy arrays can be given to, and that lasts.

``clear_session`` throws away the kernels of all functions that TensorFlow ever ran: the next call of
each takes 50 to 70 ms longer. A session of its own, on the same graph, keeps them, and has its own threads.
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
    """``function`` of tensors of these specs, traced once; its results as a list of arrays."""
    import tensorflow as tf
    from tensorflow.core.protobuf import config_pb2

    concrete = tf.function(function, autograph=False).get_concrete_function(*specs)
    if concrete.captured_inputs:  # weights that stayed variables: a session has none
        return lambda *arrays: [np.asarray(each) for each in tf.nest.flatten(concrete(*map(tf.constant, arrays)))]
    one_thread = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=1,
        inter_op_parallelism_threads=1,
        gpu_options=tf.compat.v1.GPUOptions(allow_growth=True),
    )
    session = tf.compat.v1.Session(graph=concrete.graph, config=one_thread)
    # The public make_callable goes through Session.run when there is something to feed: 0.15 ms more a call.
    options = config_pb2.CallableOptions(
        feed=[tensor.name for tensor in concrete.inputs], fetch=[tensor.name for tensor in concrete.outputs]
    )
    _sessions.add(session)
    run: Callable[..., list[NDArray[Any]]] = session._make_callable_from_options(options)
    return run


@atexit.register
def _close_sessions() -> None:
    """Before the interpreter takes TensorFlow apart: then, what was made of an open session can't be let go of."""
    for session in list(_sessions):
        session.close()
