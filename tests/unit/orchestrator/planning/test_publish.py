from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import StoreError
from core.run.inputs import Inputs
from tests.runs import planned


def test_a_disk_that_fills_up_leaves_no_manifest(tmp_path: Path, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Inputs, "write", full)
    with pytest.raises(StoreError, match="No space left on device; make room"):
        planned(tmp_path, monkeypatch)
    assert list((tmp_path / "runs").glob("*/manifest.json")) == []
