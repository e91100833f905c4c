"""Where the logs of a run's embedded workers are."""

from __future__ import annotations

from pathlib import Path

from core.run.run_store import RunStore
from core.runtime.cache_dir import cache_dir


def logs_of(run: RunStore) -> Path:
    """The folder for the logs of a run's embedded workers, its detached orchestrator and Flower, on this machine."""
    return cache_dir() / "logs" / run.url.rsplit("/", 1)[-1]
