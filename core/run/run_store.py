"""One run in a store: its manifest, and its files, grouped by kind."""

from __future__ import annotations

from core.errors import StoreError
from core.run import layout
from core.run.attempts import Attempts
from core.run.inputs import Inputs
from core.run.manifest import Manifest, check_layout
from core.run.orchestrators import Orchestrators
from core.run.quarantine import Quarantine
from core.run.records import Preflight
from core.run.results import Results
from core.run.shards import Shards
from core.storage.folder import Folder
from core.storage.json_documents import LARGEST, decode, encode, read_document
from core.storage.npy_reader import NpyReader


class RunStore:
    """The folder of one run, whether it exists or not.

    Args:
        url: of the folder.

    Attributes:
        inputs: images, labels, model and assets.
        shards: the finished shards with their records.
        attempts: one document per execution of a work unit.
        quarantine: the shards that were given up.
        orchestrators: heartbeats and timing.
        results: attack data, index map, ledger and report.
    """

    def __init__(self, url: str) -> None:
        self.folder = Folder(url)
        self.url = self.folder.url()
        arrays = NpyReader(self.folder)
        self.inputs = Inputs(self.folder, arrays)
        self.shards = Shards(self.folder, arrays, self.manifest)
        self.attempts = Attempts(self.folder)
        self.quarantine = Quarantine(self.folder)
        self.orchestrators = Orchestrators(self.folder)
        self.results = Results(self.folder, arrays)
        self._manifest: Manifest | None = None

    def has_manifest(self) -> bool:
        """Whether the run was planned."""
        return self.folder.exists(layout.MANIFEST)

    def manifest(self) -> Manifest:
        """The run's manifest, read once, since it is written once.

        Raises:
            StoreError: this is not a run, or a run of another layout.
            IntegrityError: the document is damaged.
        """
        if self._manifest is None:
            try:
                content = self.folder.read(layout.MANIFEST, 0, LARGEST)
            except FileNotFoundError:
                raise StoreError(
                    "the folder of a run",
                    f"{self.url}, without {layout.MANIFEST}",
                    "see 'advshard list'",
                ) from None
            check_layout(content, self.url)
            self._manifest = decode(Manifest, content, self.folder.path(layout.MANIFEST))
        return self._manifest

    def write_manifest(self, manifest: Manifest) -> None:
        """Publish the manifest, after its inputs."""
        self.folder.write(layout.MANIFEST, encode(manifest))
        self._manifest = None

    def preflight(self) -> Preflight | None:
        """What a worker found before the first shard; None if none has looked. Raises IntegrityError."""
        return read_document(self.folder, Preflight, layout.PREFLIGHT)

    def write_preflight(self, found: Preflight) -> None:
        """Publish what a worker found before the first shard."""
        self.folder.write(layout.PREFLIGHT, encode(found))

    def remove(self) -> None:
        """Remove the run with all its files.

        The manifest goes first, so that what an interrupted removal leaves is not taken for a run that lost its
        shards; ``half_removed`` recognizes it.
        """
        self.folder.write(layout.REMOVED, b"")
        self.folder.remove(layout.MANIFEST)
        self._manifest = None
        for name in self.folder.names():
            if name != layout.REMOVED:
                self.folder.remove_tree(name)
        self.folder.remove(layout.REMOVED)
        self.folder.remove_tree("")

    def half_removed(self) -> bool:
        """Whether this is what an interrupted ``remove`` left."""
        return self.folder.exists(layout.REMOVED) and not self.has_manifest()

    def cancel(self) -> None:
        """Ask all orchestrators and workers of the run to stop."""
        self.folder.write(layout.CANCELLED, b"")

    def cancelled(self) -> bool:
        """Whether the run was asked to stop."""
        return self.folder.exists(layout.CANCELLED)

    def uncancel(self) -> None:
        """Withdraw the request to stop."""
        self.folder.remove(layout.CANCELLED)

    def release(self, index: int) -> None:
        """Give a quarantined shard another round of attempts."""
        self.attempts.release(index)
        self.quarantine.lift(index)
