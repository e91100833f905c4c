"""Hugging Face's datasets without a network and with a cache of its own, loaded only by the tests that ask for it."""

from __future__ import annotations

import gc
import importlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def load_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``datasets.load_dataset``, in a cache of this test."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = importlib.import_module("datasets")
    datasets.disable_progress_bars()

    def load(*arguments: Any, **options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # imagefolder leaves metadata.csv open
            found = datasets.load_dataset(*arguments, cache_dir=str(tmp_path / "datasets"), **options)
            gc.collect()
        return found

    return load
