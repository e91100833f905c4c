"""Compiles traced functions of NumPy arrays that survive ``clear_session``.

``clear_session`` discards the kernels of all TensorFlow functions, after which the next call of each takes 50 to 70 ms
longer. A separate session on the same graph keeps its kernels, and has its own threads.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError

_NAME = "advshard_program"
_UNSET = "variables of the session without a value"
_sessions: WeakSet[Any] = WeakSet()


class Program:
    """Functions of NumPy arrays in one graph and one session, so that they share its constants and variables.

    Args:
        bfloat16: whether operations that can, such as convolutions and matrix products, compute in bfloat16.
    """

    def __init__(self, *, bfloat16: bool = False) -> None:
        import tensorflow as tf
        from tensorflow.core.protobuf import rewriter_config_pb2

        one_thread = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=1,
            inter_op_parallelism_threads=1,
            gpu_options=tf.compat.v1.GPUOptions(allow_growth=True),
        )
        if bfloat16:
            rewrites = one_thread.graph_options.rewrite_options
            rewrites.auto_mixed_precision_onednn_bfloat16 = rewriter_config_pb2.RewriterConfig.ON
        self._bfloat16 = bfloat16
        self._graph = tf.__internal__.FuncGraph(_NAME)
        self._session = tf.compat.v1.Session(graph=self._graph, config=one_thread)
        _sessions.add(self._session)

    def compiled(self, function: Callable[..., Any], *specs: Any) -> Callable[..., list[NDArray[Any]]]:
        """Trace a function of tensors once and return a function of NumPy arrays.

        Args:
            function: takes and returns tensors.
            specs: one tf.TensorSpec per argument.

        Returns:
            A function that takes arrays of these specs and returns the results as a list of arrays.

        Raises:
            ModelError: the weights are a SavedModel's, and bfloat16 is asked for.
        """
        import tensorflow as tf
        from tensorflow.core.protobuf import config_pb2

        with self._graph.as_default():
            inputs = [tf.compat.v1.placeholder(spec.dtype, spec.shape) for spec in specs]
            outputs = [tf.identity(each) for each in tf.nest.flatten(function(*inputs))]
        captures = self._graph.captures
        if any(each.dtype == tf.resource for each, _ in captures):  # variables of a SavedModel, unreadable here
            if self._bfloat16:
                raise ModelError("a Keras model, for bfloat16", "a SavedModel", "use --precision float32")
            traced = tf.function(function, autograph=False).get_concrete_function(*specs)
            return lambda *arrays: [np.asarray(each) for each in tf.nest.flatten(traced(*map(tf.constant, arrays)))]
        self._set_variables()
        # The public make_callable goes through Session.run if there are inputs, which takes 0.15 ms more per call.
        options = config_pb2.CallableOptions(
            feed=[tensor.name for tensor in (*inputs, *(inner for _, inner in captures))],
            fetch=[tensor.name for tensor in outputs],
        )
        run: Callable[..., list[NDArray[Any]]] = self._session._make_callable_from_options(options)
        constants = [outer.numpy() for outer, _ in captures]
        return partial(_with, run, constants) if constants else run

    def _set_variables(self) -> None:
        unset = self._graph.get_collection_ref(_UNSET)
        for assignment, placeholder, value in unset:
            self._session.run(assignment, {placeholder.name: value})
        unset.clear()


def _with(run: Callable[..., Any], constants: list[NDArray[Any]], *arrays: NDArray[Any]) -> Any:
    return run(*arrays, *constants)


def in_program() -> bool:
    """Whether the current graph is a ``Program``'s."""
    import tensorflow as tf

    return bool(getattr(tf.compat.v1.get_default_graph(), "name", None) == _NAME)


def session_variable(value: NDArray[Any]) -> Any:
    """Read a new variable of the current graph, which is a ``Program``'s; its value is in no copy of the graph."""
    import tensorflow as tf

    graph = tf.compat.v1.get_default_graph()
    handle = tf.raw_ops.VarHandleOp(dtype=value.dtype, shape=value.shape, shared_name=graph.unique_name("weights"))
    placeholder = tf.compat.v1.placeholder(value.dtype, value.shape)
    assignment = tf.raw_ops.AssignVariableOp(resource=handle, value=placeholder)
    graph.add_to_collection(_UNSET, (assignment, placeholder, value))
    return tf.raw_ops.ReadVariableOp(resource=handle, dtype=value.dtype)


def compiled(function: Callable[..., Any], *specs: Any) -> Callable[..., list[NDArray[Any]]]:
    """A single function in a ``Program`` of its own."""
    return Program().compiled(function, *specs)


@atexit.register
def _close_sessions() -> None:
    """Close all sessions before the interpreter unloads TensorFlow, after which their callables can't be released."""
    for session in list(_sessions):
        session.close()
