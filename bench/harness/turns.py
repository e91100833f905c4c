"""Whole processes, run alternately: the machine's speed drifts, so only processes of one round are compared."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

_CHILD_SUBREAPER = 36  # of prctl(2)
_PATIENCE = 5.0  # seconds to wait for orphans


@dataclass(frozen=True)
class Sample:
    """One process with its children: seconds, the largest peak memory, and the JSON object on its last line."""

    wall: float
    cpu: float
    peak_mb: float
    said: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def run(command: Sequence[str], env: Mapping[str, str] | None = None, timeout: float = 3600.0) -> Sample:
    """Run a command to its end.

    Args:
        command: the command.
        env: variables to add to the environment.
        timeout: seconds.

    Returns:
        Its sample; ``said`` is the last line of its output where that is a JSON object, else empty.

    Raises:
        RuntimeError: it failed; the message has the end of its output.
    """
    _adopt_orphans()
    began = time.perf_counter()
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **(env or {})}
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        out, _ = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        raise
    wall = time.perf_counter() - began
    _reap_orphans()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}:\n{out[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Sample(wall, cpu, after.ru_maxrss / 1024, _last_object(out))


def take_turns(
    commands: Mapping[str, Sequence[str]], rounds: int, env: Mapping[str, str] | None = None
) -> dict[str, list[Sample]]:
    """Run all commands alternately, ``rounds`` times: A B C A B C ..."""
    samples: dict[str, list[Sample]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            samples[name].append(run(command, env))
    return samples


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


@cache
def _adopt_orphans() -> None:
    """Adopt processes whose parent was killed, so that their CPU time is counted too (Linux)."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_CHILD_SUBREAPER, 1)


def _reap_orphans() -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
        except ChildProcessError:
            return


def _last_object(out: str) -> dict[str, Any]:
    lines = out.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        return {}
    found: dict[str, Any] = json.loads(lines[-1])
    return found
