from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import StoreError
from tests.runs import planned


def test_a_full_disk_is_found_before_anything_is_sent(tmp_path: Path, monkeypatch: Any) -> None:
    class Full:
        free = 1000

    monkeypatch.setattr("orchestrator.planning.disk_space.shutil.disk_usage", lambda path: Full)
    with pytest.raises(StoreError, match="MB free in the store"):
        planned(tmp_path, monkeypatch)
    assert not (tmp_path / "runs").exists()
