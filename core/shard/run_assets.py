"""The inputs that a run's attacks need besides images and model, as local files."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

from core.errors import IntegrityError
from core.run.manifest import Blob, StageConfig
from core.run.run_store import RunStore
from core.runtime.asset import Asset
from core.runtime.cache_dir import cache_dir
from core.runtime.memory_cache import cached
from core.storage.folder import Folder


def assets_of(run: RunStore, stage: StageConfig) -> dict[str, Asset]:
    """The stage's assets by name; raises IntegrityError if one is missing or damaged."""
    return {name: cached((run.url, blob.name), partial(_fetch, run, blob)) for name, blob in stage.assets.items()}


def _fetch(run: RunStore, blob: Blob) -> tuple[Asset, int]:
    """The file in the store where that is on a disk of this machine, or else a copy in the cache; no memory."""
    path = run.inputs.local_path(blob)
    if path is None:
        path = cache_dir() / "inputs" / blob.name
        if not _holds(path, blob):
            Folder(str(path.parent)).write(path.name, run.inputs.content(blob))
    elif not _holds(path, blob):
        raise IntegrityError(f"inputs/{blob.name}: not there, or not what it was")
    return Asset(blob.sha256, path), 0


def _holds(path: Path, blob: Blob) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == blob.sha256
    except FileNotFoundError:
        return False
