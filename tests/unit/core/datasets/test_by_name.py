from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.datasets.base import ImageSet
from core.datasets.by_name import open_images
from core.datasets.source import ReadOptions
from core.errors import ConfigError, DataError
from core.registry import DATASETS


class Known:
    def load(self) -> ImageSet:
        return ImageSet("known/test", np.zeros((2, 3, 3, 1), np.uint8), np.array([0, 1]), ("a", "b"))


def test_a_registered_set_is_loaded_by_its_name() -> None:
    with DATASETS.temporary("known", Known):
        source = open_images("known")
        assert (source.name, source.count, source.class_names) == ("known/test", 2, ("a", "b"))
        with pytest.raises(ConfigError, match="--split"):
            open_images("known", ReadOptions(split="train"))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="choose one of fashion-mnist"):
        open_images("mnist")


def test_a_path_that_looks_like_a_name_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mnist").mkdir()
    with pytest.raises(DataError) as refused:
        open_images("mnist")
    assert "known data set" not in str(refused.value)
