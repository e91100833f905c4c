"""Shows what a worker found in its look at the model before the first shard, as soon as it is there."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from core.errors import AdvshardError
from core.run.records import Preflight
from core.run.run_store import RunStore
from core.shard.passes import passes_of
from core.shard.preflight import gates_of
from orchestrator.report.cost import cost_text

_FIRST, _LONGEST = 0.5, 30.0  # seconds between two looks into the store


class PreflightNotes:
    """Call ``poll`` often; it asks the store seldom, and prints once.

    Args:
        run: the run.
        workers: number of workers; None if unknown.
        open_images: returns how many images are not attacked yet.
    """

    def __init__(self, run: RunStore, workers: int | None, open_images: Callable[[], int]) -> None:
        self._run, self._workers, self._open_images = run, workers, open_images
        self._next, self._pause, self._done = 0.0, _FIRST, False

    def poll(self, *, now: bool = False) -> None:
        """Print what was found, if it is there. A store that fails is asked again later.

        Args:
            now: ask in any case, since no other occasion may come.
        """
        if self._done or (time.monotonic() < self._next and not now):
            return
        self._pause = min(_LONGEST, 1.5 * self._pause)
        try:
            found = self._run.preflight()
        except (OSError, AdvshardError):
            found = None  # the scheduler finds out what is wrong with the store
        self._next = time.monotonic() + self._pause
        if found is not None:
            self._done = True
            for line in self._lines(found):
                print(line, file=sys.stderr, flush=True)

    def _lines(self, found: Preflight) -> list[str]:
        manifest = self._run.manifest()
        raised = [gate for gate in gates_of(found, manifest) if gate.raised]
        lines = [f"WARNING, {gate.name}: {gate.detail}" for gate in raised]
        if raised:
            lines.append("what the model expects: advshard inspect MODEL --data DATA")
        passes = passes_of(manifest.config, manifest.model.classes)
        seconds = (found.forward_seconds, found.gradient_seconds)
        left = self._open_images()
        return [*lines, *([f"cost to come: {cost_text(passes, left, seconds, self._workers)}"] if left else [])]
