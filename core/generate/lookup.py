"""Finds adversarial examples in the runs of a store, by the digest of the clean image."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import AdvshardError
from core.image.pixels import Images
from core.run.index_map import IndexMap
from core.run.layout import INDEX_MAP
from core.run.manifest import Manifest
from core.run.run_store import RunStore
from core.run.store import Store


@dataclass(frozen=True)
class Known:
    """A complete run and its index map."""

    run: RunStore
    manifest: Manifest
    index: IndexMap

    def examples(self, rows: NDArray[np.int64]) -> Images:
        """Read the adversarial examples at these rows of the index map, scaled from the run's bounds to 0..1."""
        low, high = self.manifest.config.bounds
        found = self.run.results.chosen_attack_data(self.manifest.data, self.index.index[rows])
        return found if (low, high) == (0, 1) else ((found - np.float32(low)) / np.float32(high - low))


class Library:
    """The complete runs of a store. Index maps are cached; each call of ``runs`` finds new runs."""

    def __init__(self, url: str) -> None:
        self._store = Store(url)
        self._known: dict[str, Known] = {}

    def runs(self) -> list[Known]:
        """All complete runs, newest first; unreadable runs are skipped with a warning."""
        current = {}
        for name in self._store.run_ids():
            known = self._known.get(name) or self._read(self._store.run(name))
            if known is not None:
                current[name] = known
        self._known = current
        return sorted(current.values(), key=lambda known: known.manifest.created, reverse=True)

    def _read(self, run: RunStore) -> Known | None:
        try:
            report = run.results.report()
            if report is None or not report.complete:
                return None
            return Known(run, run.manifest(), IndexMap.load(io.BytesIO(run.results.content(INDEX_MAP))))
        except (AdvshardError, FileNotFoundError) as error:
            warnings.warn(f"{run.url} is skipped: {error}", stacklevel=2)
            return None
