"""The folder that holds all runs, as given by ``--store``."""

from __future__ import annotations

import re
from uuid import uuid4

from core.errors import AdvshardError, IntegrityError, StoreError
from core.run.manifest import Manifest
from core.run.run_store import RunStore
from core.storage.folder import Folder

_RUN_ID = re.compile(r"[0-9a-f]{16}")


class Store:
    """The folder that holds the runs.

    Args:
        url: a path, or any fsspec URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/") or url
        self.folder = Folder(url)

    def run(self, run_id: str) -> RunStore:
        """The run ``run_id``, whether it exists or not."""
        return RunStore(self.folder.url(run_id))

    def run_ids(self) -> list[str]:
        """The names of the folders that may be runs, from one listing."""
        return [name for name in self.folder.names() if _RUN_ID.fullmatch(name)]

    def runs(self) -> list[RunStore]:
        """All runs that have a manifest."""
        return [run for run in map(self.run, self.run_ids()) if run.has_manifest()]

    def by_age(self) -> tuple[list[tuple[RunStore, Manifest]], dict[str, AdvshardError]]:
        """All runs by the time of their creation.

        Returns:
            The readable runs with their manifests, the newest last; and the errors of the unreadable ones, by URL.
        """
        good: list[tuple[RunStore, Manifest]] = []
        unreadable: dict[str, AdvshardError] = {}
        for run in self.runs():
            try:
                good.append((run, run.manifest()))
            except (IntegrityError, StoreError) as error:
                unreadable[run.url] = error
        return sorted(good, key=lambda pair: pair[1].created), unreadable

    def half_removed(self) -> list[RunStore]:
        """What interrupted removals of runs left in the store."""
        return [run for run in map(self.run, self.run_ids()) if run.half_removed()]

    def planned(self, run_id: str) -> bool:
        """Whether a run exists; raises StoreError if the store cannot be asked."""
        try:
            return self.run(run_id).has_manifest()
        except Exception as error:  # noqa: BLE001 - each file system raises its own exceptions
            raise self._unusable(error) from None

    def check_writable(self) -> None:
        """Write, read and remove a small file; raises StoreError."""
        try:
            probe = f".probe-{uuid4().hex}"
            self.folder.write(probe, b"advshard")
            content = self.folder.read(probe)
            self.folder.remove(probe)
        except Exception as error:  # noqa: BLE001 - each file system raises its own exceptions
            raise self._unusable(error) from None
        if content != b"advshard":
            raise StoreError(f"a store that gives back what was written at {self.url}", "other bytes", "check it")

    def _unusable(self, error: Exception) -> StoreError:
        return StoreError(
            f"a store that can be written at {self.url}",
            f"{type(error).__name__}: {error}",
            "check the path and its rights, or give another --store",
        )
