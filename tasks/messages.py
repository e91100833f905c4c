"""Validates what a message asks of a worker: a run in this worker's store, and shards of that run."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from core.errors import IntegrityError
from core.run.manifest import Manifest
from core.run.run_store import RunStore
from core.run.work_unit import ShardRange
from core.runtime.settings import settings
from core.storage.folder import Folder

_RUN_URL = re.compile(r"(?P<store>.+)/(?P<run_id>[0-9a-f]{16})")


def open_run(url: Any) -> tuple[RunStore, Manifest]:
    """The run at ``url`` and its manifest.

    If ``ADVSHARD_STORE`` is set, the run must be in that store. Otherwise it may be any folder whose manifest has the
    folder's name as the run's id.

    Raises:
        IntegrityError: it is not a run, or not one that this worker may open.
    """
    found = _RUN_URL.fullmatch(url) if isinstance(url, str) else None
    if found is None or ".." in url.split("/"):
        raise IntegrityError(f"a message names {url!r}, which is not the URL of a run")
    check_place(found["store"])
    run = _run(url)
    manifest = run.manifest()
    if manifest.run_id != found["run_id"]:
        raise IntegrityError(f"a message names {url!r}, whose manifest is of another run")
    return run, manifest


@lru_cache(maxsize=8)
def _run(url: str) -> RunStore:
    """The run at ``url``, kept with what it has read of the manifest and the headers: each shard needs them."""
    return RunStore(url)


def check_place(store: str) -> None:
    """Raise IntegrityError for a store that this worker may not open."""
    allowed = settings().bound_store
    # As text: to open what a message names is to connect to wherever it says.
    if allowed and Folder(allowed).url() != store:
        raise IntegrityError(f"a message names {store!r}, which is not this worker's store {allowed}")


def range_of(manifest: Manifest, first: Any, last: Any) -> ShardRange:
    """The shards that a message names: one, or a range that a task of this run takes together.

    Raises:
        IntegrityError: the run has no such work unit.
    """
    if not all(type(index) is int and 0 <= index < manifest.shards for index in (first, last)):
        raise IntegrityError(f"a message names shards {first!r} to {last!r} of a run with {manifest.shards}")
    found = ShardRange(first, last)
    if not found.is_single and found != manifest.range_of(first):
        raise IntegrityError(f"a message names {found}, which no task of this run takes together")
    return found
