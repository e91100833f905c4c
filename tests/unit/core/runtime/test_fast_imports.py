from __future__ import annotations

import gc
import sys
from types import ModuleType

import pytest

from core.runtime.fast_imports import fast_imports


def test_nothing_is_collected_and_matplotlib_is_absent_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    with fast_imports():
        assert not gc.isenabled()
        with pytest.raises(ImportError):
            import matplotlib  # noqa: F401
    assert gc.isenabled()
    assert "matplotlib" not in sys.modules


def test_a_failed_import_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    with pytest.raises(ImportError, match="no such kernel"), fast_imports():
        raise ImportError("no such kernel")
    assert gc.isenabled()
    assert "matplotlib" not in sys.modules


def test_a_matplotlib_that_is_loaded_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = ModuleType("matplotlib")
    monkeypatch.setitem(sys.modules, "matplotlib", loaded)
    with fast_imports():
        assert sys.modules["matplotlib"] is loaded
    assert sys.modules["matplotlib"] is loaded
