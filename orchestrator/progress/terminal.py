"""What the user sees while a run goes on: a progress bar, or plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from orchestrator.progress.progress import State

_LINE_EVERY = 5.0  # seconds between two plain lines


class Display:
    """Shows a State on standard error. Use it as a context manager, then call it."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._console = Console(file=sys.stderr)
        self._bar: Progress | None = None
        self._next_line = 0.0
        self._last = ""

    def __enter__(self) -> Display:
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

    def __call__(self, state: State) -> None:
        """Show the state, at most every few seconds where it is printed as a line."""
        text = describe(state)
        if self._bar is not None:
            self._bar.update(self._task, total=state.total, completed=state.done, text=text)
            return
        finished = state.done + state.quarantined == state.total
        line = f"{self._title} {state.done}/{state.total} shards, {text}"
        if line != self._last and (time.monotonic() >= self._next_line or finished):
            self._next_line = time.monotonic() + _LINE_EVERY
            self._last = line
            print(line, file=sys.stderr, flush=True)


def describe(state: State) -> str:
    """Images a second, running success rate, time left, and what went wrong so far."""
    parts = []
    if state.phase == "reduce":
        parts.append("reducing")
    elif not (state.recent and state.images_done):
        parts.append("waiting for workers")
    else:
        success = f"success {state.successes / state.images_done:.3f}"
        if state.rate is None:
            parts.append(success)
        else:
            left = _clock((state.images - state.images_done) / state.rate)
            parts += [f"{state.rate:.0f} images/s", success, f"{left} left"]
    if state.retries:
        parts.append(f"{state.retries} sent again")
    if state.copies:
        parts.append(f"{state.copies} copies of slow shards")
    if state.quarantined:
        parts.append(f"{state.quarantined} quarantined")
    if state.note:
        parts.append(state.note)
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
