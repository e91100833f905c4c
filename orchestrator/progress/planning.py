"""The progress of reading the images, as a function of the images read so far and their number in all."""

from __future__ import annotations

from contextlib import ExitStack

from orchestrator.progress.images import ImageProgress


class PlanningProgress(ExitStack):
    """Use it as a context manager, and call it with the images read so far and their number in all."""

    def __init__(self) -> None:
        super().__init__()
        self._progress: ImageProgress | None = None
        self._done = 0

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is."""
        if self._progress is None:
            self._progress = self.enter_context(ImageProgress("reading", total))
        self._progress.advance(done - self._done)
        self._done = done
