"""Real processes: the command line, workers, and what becomes of their children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from core.run.run_store import RunStore
from core.run.store import Store

ROOT = Path(__file__).parent.parent
_TIMEOUT = 120.0


def command(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m orchestrator``, the form that works from a clone, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *arguments],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        cwd=ROOT,
        env={**os.environ, **env},
        check=False,
    )


@contextmanager
def started(*arguments: str, module: str = "orchestrator", **env: str) -> Iterator[subprocess.Popen[str]]:
    """A command of ours in the background; at the end it is killed, with all that came from it."""
    with running([sys.executable, "-m", module, *arguments], env) as process:
        yield process


@contextmanager
def running(line: list[str], env: dict[str, str], folder: Path = ROOT) -> Iterator[subprocess.Popen[str]]:
    """Any command in the background, in this folder; at the end it is killed, with all that came from it."""
    process = subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **env},
    )
    try:
        yield process
    finally:
        for pid in [*descendants(process.pid), process.pid]:
            kill(pid)
        process.communicate()


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal, unless the process is gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def processes() -> dict[int, tuple[int, str]]:
    """Every living process: its parent and its command line."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if stat[0] != "Z":
                found[int(folder.name)] = (int(stat[1]), line)
    return found


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs, the nearest first."""
    everything = processes()
    found, level = [], [pid]
    while level:
        level = [child for child, (parent, _) in everything.items() if parent in level]
        found += level
    return found


def workers(pid: int) -> list[int]:
    """The main processes of the Celery workers that a command started."""
    everything = processes()
    return [child for child in descendants(pid) if everything[child][0] == pid and " worker " in everything[child][1]]


def wait_for(what: Callable[[], Any], timeout: float = _TIMEOUT, poll: float = 0.02) -> Any:
    """The first true value of ``what``; fails after the timeout."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = what()
        if value:
            return value
        time.sleep(poll)
    raise AssertionError(f"nothing came within {timeout} s")


def only_run(store: Path | str) -> RunStore:
    """The one run of a store, as soon as it is planned."""
    runs: list[RunStore] = wait_for(lambda: Store(str(store)).runs())
    assert len(runs) == 1
    return runs[0]


def took(run: RunStore, attempts: int) -> bool:
    """Whether a run took so many attempts, besides speculative ones at shards that a busy machine made slow."""
    report = run.results.report()
    assert report is not None
    assert report.history is not None
    return attempts <= report.history.attempts <= attempts + report.history.speculative_attempts
