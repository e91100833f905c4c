"""The shards that were given up after too many failed attempts."""

from __future__ import annotations

from core.run import layout
from core.storage.folder import Folder

_LONGEST_ERROR = 1 << 16  # bytes


class Quarantine:
    """Reads and writes the quarantine in a run's folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def add(self, index: int, error: str) -> None:
        """Give up a shard for a reason, ``error``."""
        self._folder.write(layout.quarantine_file(index), error.encode())

    def errors(self) -> dict[int, str]:
        """The quarantined shards and the reason for each."""
        matches = map(layout.QUARANTINE_NAME.fullmatch, self._folder.names(layout.QUARANTINE))
        return {
            index: self._folder.read(layout.quarantine_file(index), 0, _LONGEST_ERROR).decode(errors="replace")
            for index in sorted(int(match[1]) for match in matches if match)
        }

    def lift(self, index: int) -> None:
        """Release a shard, so that it is attacked again."""
        self._folder.remove(layout.quarantine_file(index))
