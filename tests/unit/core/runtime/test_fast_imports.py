from __future__ import annotations

import gc
import sys
from importlib import import_module
from types import ModuleType

import pytest

from core.runtime.fast_imports import OPTIONAL, fast_imports


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OPTIONAL:
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_nothing_is_collected_and_optional_imports_are_absent_meanwhile() -> None:
    with fast_imports():
        assert not gc.isenabled()
        for name in OPTIONAL:
            with pytest.raises(ImportError):
                import_module(name)
    assert gc.isenabled()
    assert sys.modules.keys().isdisjoint(OPTIONAL)


def test_a_failed_import_leaves_everything_as_it_was() -> None:
    with pytest.raises(ImportError, match="no such kernel"), fast_imports():
        raise ImportError("no such kernel")
    assert gc.isenabled()
    assert sys.modules.keys().isdisjoint(OPTIONAL)


def test_what_is_loaded_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = ModuleType("pandas")
    monkeypatch.setitem(sys.modules, "pandas", loaded)
    with fast_imports():
        assert sys.modules["pandas"] is loaded
    assert sys.modules["pandas"] is loaded
    assert "matplotlib" not in sys.modules
