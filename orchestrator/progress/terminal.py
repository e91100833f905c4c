"""The progress of a run on standard error: a progress bar, or plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from orchestrator.progress.progress import Progress as RunProgress

_LINE_EVERY = 5.0  # seconds between two plain lines


class TerminalProgress:
    """Use it as a context manager, and call it with each snapshot."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._console = Console(file=sys.stderr)
        self._bar: Progress | None = None
        self._next_line = 0.0
        self._last = ""

    def __enter__(self) -> TerminalProgress:
        if self._console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn(self._title),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[text]}", markup=False),
                console=self._console,
            )
            self._task = self._bar.add_task("", total=None, text="waiting for workers")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: RunProgress) -> None:
        """Show a snapshot, at most every few seconds where it is printed as a line."""
        text = describe(progress)
        if self._bar is not None:
            self._bar.update(self._task, total=progress.total_shards, completed=progress.shards, text=text)
            return
        finished = progress.shards + progress.quarantined == progress.total_shards
        line = f"{self._title} {progress.shards}/{progress.total_shards} shards, {text}"
        if line != self._last and (time.monotonic() >= self._next_line or finished):
            self._next_line = time.monotonic() + _LINE_EVERY
            self._last = line
            print(line, file=sys.stderr, flush=True)


def describe(progress: RunProgress) -> str:
    """Images per second, success rate so far, time left, and every fault so far."""
    parts = []
    if progress.phase == "reduce":
        parts.append("reducing")
    elif not (progress.began and progress.images):
        parts.append("waiting for workers")
    else:
        success = f"success {progress.successes / progress.images:.3f}"
        if progress.rate is None:
            parts.append(success)
        else:
            left = _clock((progress.total_images - progress.images) / progress.rate)
            parts += [f"{progress.rate:.0f} images/s", success, f"{left} left"]
    if progress.resent:
        parts.append(f"{progress.resent} sent again")
    if progress.speculative_attempts:
        parts.append(f"{progress.speculative_attempts} speculative attempts")
    if progress.quarantined:
        parts.append(f"{progress.quarantined} quarantined")
    if progress.note:
        parts.append(progress.note)
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
