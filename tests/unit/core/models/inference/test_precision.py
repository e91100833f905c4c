"""Gradients in bfloat16, beside logits in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.models.fast import frozen
from core.models.files.card import ZOO
from core.models.files.loading import load_model
from core.models.inference.batch_invariance import position_free, same_sizes, settle
from core.models.inference.classifier import KerasClassifier
from core.models.inference.preprocessing import NO_PREPROCESSING
from core.runtime.bfloat16 import Precision
from tests.processors import NEEDS_BFLOAT16
from tests.runs import save_model

pytestmark = [pytest.mark.usefixtures("one_thread"), NEEDS_BFLOAT16]
COLOUR = (16, 16, 3)


def of(model: Any, size: int, precision: Precision = "bfloat16", shape: tuple[int, ...] = COLOUR) -> KerasClassifier:
    return KerasClassifier(model, shape, size, NO_PREPROCESSING, precision)


@pytest.fixture
def model(tmp_path: Path) -> Any:
    """Batch normalisation, colour images."""
    return load_model(save_model(tmp_path / "model.keras", COLOUR, 4))


def test_gradients_are_near_and_logits_are_float32s(model: Any) -> None:
    x, y = np.random.default_rng(0).random((8, *COLOUR), np.float32), np.arange(8) % 4
    half, full = of(model, 8), of(model, 8, "float32")
    assert (half.exact, full.exact) == (False, True)
    np.testing.assert_array_equal(half.logits(x), full.logits(x))
    (proposed, near), (logits, exact) = half.gradient(x, y, "margin"), full.gradient(x, y, "margin")
    assert not np.array_equal(near, exact), "nothing was computed in bfloat16"
    assert near.dtype == proposed.dtype == np.float32
    assert np.abs(proposed - logits).max() < 0.02 * np.abs(logits).max()
    cosine = (near * exact).sum() / np.sqrt(np.square(near).sum() * np.square(exact).sum())
    assert cosine > 0.99
    for one, other in zip(half.rivals(x, y, 2), full.rivals(x, y, 2), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_batch_size_is_settled_with_these_gradients(model: Any) -> None:
    found = settle(lambda size: of(model, size), 32, COLOUR)
    x, y = np.random.default_rng(1).random((32, *COLOUR), np.float32), np.arange(32) % 4
    whole = found.gradient(x[: found.batch_size], y[: found.batch_size], "cross_entropy")
    for size in found.sizes:
        for one, other in zip(found.gradient(x[:size], y[:size], "cross_entropy"), whole, strict=True):
            np.testing.assert_array_equal(one, other[:size])


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_the_shipped_models_are_position_free_at_the_default_batch(name: str) -> None:
    shape = (28, 28, 1)
    classifier = of(load_model(ZOO / f"{name}.keras"), 64, shape=shape)
    assert position_free(classifier, shape)
    assert len(same_sizes(classifier, shape)) >= 3


def test_weights_that_are_variables_of_the_session(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.random.default_rng(2).random((8, *COLOUR), np.float32), np.arange(8) % 4
    logits, constant = of(model, 8).gradient(x, y, "cross_entropy")
    monkeypatch.setattr(frozen, "MAX_CONSTANT_BYTES", 0)
    monkeypatch.setattr(frozen, "MAX_SMALL_BYTES", 0)
    found = of(model, 8)
    again, variable = found.gradient(x, y, "cross_entropy")
    np.testing.assert_allclose(again, logits, atol=0.05)
    np.testing.assert_allclose(variable, constant, atol=0.05 * np.abs(constant).max())
    assert (again != found.logits(x)).any()
