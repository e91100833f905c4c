from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ModelError
from core.models.files.loading import load_model
from core.models.files.saving import save_model
from tests.runs import save_model as save_small


@pytest.fixture
def model(tmp_path: Path) -> Any:
    return load_model(save_small(tmp_path / "small.keras"))


@pytest.mark.usefixtures("one_thread")
def test_equal_models_have_equal_files(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(model, tmp_path / "a.keras")
    later = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: later)
    time.sleep(1.1)  # Keras notes the second
    save_model(model, tmp_path / "b.keras")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


@pytest.mark.usefixtures("one_thread")
def test_other_weights_have_another_file(model: Any, tmp_path: Path) -> None:
    save_model(model, tmp_path / "a.keras")
    model.layers[-2].set_weights([weight + 1 for weight in model.layers[-2].get_weights()])
    save_model(model, tmp_path / "b.keras")
    assert (tmp_path / "a.keras").read_bytes() != (tmp_path / "b.keras").read_bytes()


@pytest.mark.usefixtures("one_thread")
def test_a_saved_model_loads_and_predicts_the_same(model: Any, tmp_path: Path) -> None:
    save_model(model, tmp_path / "a.keras")
    images = np.random.default_rng(0).random((3, 12, 12, 1), np.float32)
    again = load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(model.predict(images, verbose=0), again.predict(images, verbose=0))


def test_what_cannot_be_saved_is_named(tmp_path: Path) -> None:
    class Unsaveable:
        def save(self, path: Path, include_optimizer: bool) -> None:
            raise ValueError("not built")

    with pytest.raises(ModelError, match="ValueError: not built"):
        save_model(Unsaveable(), tmp_path / "a.keras")
