"""What orchestrators write to a run: their heartbeats, and how long the last one took."""

from __future__ import annotations

from core.run import layout
from core.run.records import Orchestrator, RunTiming
from core.storage.folder import Folder
from core.storage.json_documents import encode, read_document, read_documents


class Orchestrators:
    """Reads and writes the orchestrators' documents in a run's folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def write(self, orchestrator: Orchestrator) -> None:
        """Renew an orchestrator's heartbeat."""
        self._folder.write(layout.orchestrator_file(orchestrator.token), encode(orchestrator))

    def all(self) -> list[Orchestrator]:
        """All orchestrators of the run, the latest heartbeat last; damaged documents are left out."""
        found = self._folder.names(layout.ORCHESTRATORS)
        names = [f"{layout.ORCHESTRATORS}/{name}" for name in found if name.endswith(".json")]
        known = [each for each in read_documents(self._folder, Orchestrator, names) if isinstance(each, Orchestrator)]
        return sorted(known, key=lambda orchestrator: orchestrator.seen)

    def write_timing(self, timing: RunTiming) -> None:
        """Publish how long the run took."""
        self._folder.write(layout.TIMING, encode(timing, indent=2))

    def timing(self) -> RunTiming | None:
        """How long the run took; None if no orchestrator has finished it. Raises IntegrityError."""
        return read_document(self._folder, RunTiming, layout.TIMING)
