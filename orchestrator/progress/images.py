"""Progress through a known number of images on standard error, with the time left."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_LINE_EVERY = 5.0  # seconds between two plain lines


class ImageProgress:
    """A progress bar, or a line every few seconds where there is no terminal. Use it as a context manager.

    Args:
        title: what is done with the images.
        total: the number of images.
    """

    def __init__(self, title: str, total: int) -> None:
        console = Console(file=sys.stderr)
        self._terminal = console.is_terminal
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        self._bar = Progress(*columns, TimeRemainingColumn(), console=console, disable=not self._terminal)
        self._task = self._bar.add_task(title, total=total)
        self._title, self._total, self._images = title, total, 0
        self._began = time.monotonic()
        self._next_line = self._began + _LINE_EVERY

    def __enter__(self) -> ImageProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, images: int) -> None:
        """So many more images are done."""
        self._images += images
        self._bar.advance(self._task, images)
        now = time.monotonic()
        if not self._terminal and now >= self._next_line:
            self._next_line = now + _LINE_EVERY
            left = (now - self._began) * (self._total - self._images) / max(1, self._images)
            print(f"{self._title} {self._images}/{self._total} images, {left:.0f} s left", file=sys.stderr, flush=True)
