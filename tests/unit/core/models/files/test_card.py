from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigError, ModelError
from core.models.files.card import resolve


def test_a_model_is_a_name_or_a_file(tmp_path: Path) -> None:
    name, path, card = resolve("cnn", (28, 28, 1))
    assert (name, card.classes) == ("cnn", 10)
    assert path.is_file()
    with pytest.raises(ModelError, match=r"takes images of shape \(32, 32, 3\)"):
        resolve("cnn", (32, 32, 3))
    with pytest.raises(ConfigError, match="choose one of cnn, dscnn, mlp"):
        resolve("resnet", (28, 28, 1))
    with pytest.raises(ModelError, match="no file"):
        resolve(str(tmp_path / "none.keras"), (28, 28, 1))
