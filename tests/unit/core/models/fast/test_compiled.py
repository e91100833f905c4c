from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.models.fast.compiled import Program, session_variable
from core.models.fast.frozen import Weights, memory_with_functions

pytestmark = pytest.mark.usefixtures("one_thread")


def specs() -> Any:
    import tensorflow as tf

    return tf.TensorSpec((None, 3), tf.float32)


def test_functions_of_a_program_share_a_variable_that_outlives_clear_session() -> None:
    import keras

    made: list[Any] = []

    def variable() -> Any:
        if not made:
            made.append(session_variable(np.array([1, 2, 3], np.float32)))
        return made[0]

    program = Program()
    times = program.compiled(lambda x: x * variable(), specs())
    plus = program.compiled(lambda x: (x + variable(), x), specs())
    x = np.ones((2, 3), np.float32)
    for _ in range(2):
        np.testing.assert_array_equal(times(x)[0], [[1, 2, 3]] * 2)
        np.testing.assert_array_equal(plus(x)[0], [[2, 3, 4]] * 2)
        np.testing.assert_array_equal(plus(x)[1], x)
        keras.backend.clear_session()


def test_two_programs_do_not_share_variables_of_the_same_name() -> None:
    first, second = (
        Program().compiled(lambda x, value=value: x * session_variable(np.full(3, value, np.float32)), specs())
        for value in (2, 5)
    )
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(first(x)[0], [[2, 2, 2]])
    np.testing.assert_array_equal(second(x)[0], [[5, 5, 5]])


def test_captured_tensors_serve_every_function_of_a_program() -> None:
    import tensorflow as tf

    captured = tf.range(300, dtype=tf.float32)  # few values would become a constant
    program = Program()
    first, second = (program.compiled(lambda x, s=s: x[:, :1] * captured + s, specs()) for s in (0.0, 1.0))
    x = np.full((2, 3), 2, np.float32)
    np.testing.assert_array_equal(first(x)[0], [2 * np.arange(300)] * 2)
    np.testing.assert_array_equal(second(x)[0], [2 * np.arange(300) + 1] * 2)


def test_variables_of_tensorflow_are_read_where_they_are() -> None:
    import tensorflow as tf

    variable = tf.Variable([1.0, 2, 3])
    program = Program()
    first, second = (program.compiled(lambda x, s=s: x * variable + s, specs()) for s in (0.0, 1.0))
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(first(x)[0], [[1, 2, 3]])
    variable.assign([5, 6, 7])
    np.testing.assert_array_equal(first(x)[0], [[5, 6, 7]])
    np.testing.assert_array_equal(second(x)[0], [[6, 7, 8]])


def test_weights_are_in_a_graph_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras
    import tensorflow as tf

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(2)])
    for limit, kind in ((1 << 20, "Const"), (0, "VarHandleOp")):
        monkeypatch.setattr("core.models.fast.frozen.MAX_CONSTANT_BYTES", limit)
        monkeypatch.setattr("core.models.fast.frozen.MAX_SMALL_BYTES", limit)
        weights, program = Weights(model), Program()
        graphs: list[Any] = []

        def function(x: Any, weights: Any = weights, graphs: list[Any] = graphs) -> Any:
            graphs.append(tf.compat.v1.get_default_graph())
            with weights.in_graph():
                return model(x)

        x = np.random.default_rng(0).random((5, 3), np.float32)
        found = [program.compiled(function, specs())(x)[0] for _ in range(2)]
        np.testing.assert_array_equal(found[0], found[1])
        np.testing.assert_allclose(found[0], model(x), rtol=1e-5, atol=1e-6)
        operations = graphs[-1].get_operations()
        kernels = [each for each in operations if each.type == kind and (not limit or each.outputs[0].shape == (3, 4))]
        assert len(kernels) == (1 if limit else len(model.weights))
        assert sum(each.type == "MatMul" for each in operations) == 4


def test_the_memory_of_a_large_model_does_not_grow_with_the_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    weights = 4 * (3 * 4 + 4)
    assert memory_with_functions(model, 3) > memory_with_functions(model, 1) > 2 * weights
    monkeypatch.setattr("core.models.fast.frozen.MAX_CONSTANT_BYTES", 0)
    assert memory_with_functions(model, 3) == memory_with_functions(model, 1) == 2 * weights
