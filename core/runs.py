"""The folder that holds the runs: what ``--store`` names."""

from __future__ import annotations

import re

from core.blobs import Folder
from core.errors import StoreError
from core.store import RunStore

_RUN_ID = re.compile(r"[0-9a-f]{16}")


class Store:
    """The folder that holds the runs."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/") or url
        self.folder = Folder(url)

    def run(self, run_id: str) -> RunStore:
        """The run ``run_id``, whether it exists or not."""
        return RunStore(self.folder.url(run_id))

    def runs(self) -> list[RunStore]:
        """All runs that have a manifest."""
        runs = (self.run(name) for name in self.folder.names() if _RUN_ID.fullmatch(name))
        return [run for run in runs if run.has_manifest()]

    def planned(self, run_id: str) -> bool:
        """Whether there is such a run; raises StoreError where the store doesn't say."""
        try:
            return self.run(run_id).has_manifest()
        except Exception as error:
            # Each file system has its own exceptions for missing rights, names and networks.
            raise self._unusable(error) from None

    def check_writable(self) -> None:
        """Write, read and remove a small file; raises StoreError."""
        try:
            self.folder.write(".probe", b"advshard")
            content = self.folder.read(".probe")
            self.folder.remove(".probe")
        except Exception as error:
            raise self._unusable(error) from None
        if content != b"advshard":
            raise StoreError(f"a store that gives back what was written at {self.url}", "other bytes", "check it")

    def _unusable(self, error: Exception) -> StoreError:
        return StoreError(
            f"a store that can be written at {self.url}",
            f"{type(error).__name__}: {error}",
            "check the path and its rights, or give another --store",
        )
