"""The memory available to a process here: the machine's, or less in a limited container."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_NO_LIMIT = 1 << 62  # version 1 of control groups says so by a huge number


class Memory(NamedTuple):
    """An amount of memory.

    Attributes:
        total, available: bytes.
        limited: whether a control group allows less than the machine has.
    """

    total: int
    available: int
    limited: bool


def memory(root: Path = Path("/")) -> Memory | None:
    """Read the memory from ``/proc`` and this process's control group.

    Args:
        root: where they are mounted.

    Returns:
        None on a system without them.
    """
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
        found = {name: 1024 * int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}
        machine = Memory(found["MemTotal"], found["MemAvailable"], limited=False)
    except (OSError, KeyError, ValueError, IndexError):
        return None
    for limit, used in _groups(root):
        if limit < machine.total:
            machine = Memory(limit, min(machine.available, max(0, limit - used)), limited=True)
    return machine


def _groups(root: Path) -> list[tuple[int, int]]:
    """Limit and use of this process's control group, and of those that it is in."""
    try:
        entries = [line.split(":", 2) for line in (root / "proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return []
    found = []
    for _, controllers, path in entries:
        if controllers == "":
            top, names = root / "sys/fs/cgroup", ("memory.max", "memory.current")
        elif controllers == "memory":
            top, names = root / "sys/fs/cgroup/memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        own = top / path.lstrip("/")
        for folder in (own, *own.parents):
            if not folder.is_relative_to(top):
                break
            try:
                limit, used = (int((folder / name).read_text()) for name in names)
            except (OSError, ValueError):
                continue  # no such group in this container's view, or "max"
            if limit < _NO_LIMIT:
                found.append((limit, used))
    return found
