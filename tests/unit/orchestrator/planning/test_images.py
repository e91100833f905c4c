from __future__ import annotations

import pytest

from core.errors import DataError
from orchestrator.planning.images import load_images


def test_an_unknown_data_set_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="choose one of fashion-mnist"):
        load_images("mnist", (0.0, 1.0))
