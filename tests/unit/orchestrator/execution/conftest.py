from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.run.run_store import RunStore
from tests.made_up_fleet import Fleet
from tests.runs import planned


@pytest.fixture
def run(tmp_path: Path, monkeypatch: Any) -> RunStore:
    return planned(tmp_path, monkeypatch)


@pytest.fixture
def fleet(run: RunStore) -> Fleet:
    return Fleet(run)
