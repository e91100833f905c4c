"""The progress of reading the images on standard error: a bar, or plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_QUIET = 2.0  # seconds without any output, enough for small sets
_LINE_EVERY = 5.0  # seconds between two plain lines
_TITLE = "reading images"


class PlanningProgress:
    """Use it as a context manager, and call it with the images read so far and their number in all."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr)
        self._bar: Progress | None = None
        self._began = self._next = 0.0

    def __enter__(self) -> PlanningProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is."""
        now = time.monotonic()
        if not self._began:
            self._began, self._next = now, now + _QUIET
        if self._bar is None and now < self._next:
            return
        if self._console.is_terminal:
            if self._bar is None:
                self._bar = Progress(
                    TextColumn(_TITLE), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=self._console
                )
                self._task = self._bar.add_task("", total=total)
                self._bar.start()
            self._bar.update(self._task, completed=done, total=total)
            return
        left = (now - self._began) / done * (total - done)
        print(f"{_TITLE} {done}/{total}, about {left:.0f} s left", file=sys.stderr, flush=True)
        self._next = now + _LINE_EVERY
