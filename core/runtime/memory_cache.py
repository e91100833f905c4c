"""What a worker keeps between its tasks: classifiers, generators, candidates. One cache, bounded by memory."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.runtime.memory import Memory, memory

T = TypeVar("T")

_FLOOR = 256 << 20
_LEAST_ENTRY = 4 << 20


def process_budget(found: Memory | None, processes: int) -> int:
    """The bytes that the cache of one worker process may take.

    Args:
        found: the memory that all processes here can have; None where it is unknown.
        processes: worker processes that share it, as a rule one for each core.

    Returns:
        Half of the process's share, and 256 MiB at least.
    """
    return max(_FLOOR, found.total // (2 * processes)) if found else _FLOOR


class MemoryCache:
    """Values by key. The least recently used goes first; the newest always stays.

    Args:
        budget: returns the bytes that all entries together may have; called for each new entry.
        least_entry: bytes that an entry counts at least. A memory map has no size, but keeps a file open.
    """

    def __init__(self, budget: Callable[[], int], least_entry: int = _LEAST_ENTRY) -> None:
        self._budget, self._least_entry = budget, least_entry
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def get(self, key: Hashable, make: Callable[[], tuple[T, int]]) -> T:
        """The value of a key, created if it is missing.

        Args:
            key: all that the value depends on, files by their SHA-256.
            make: returns the value and its size in bytes.
        """
        if key not in self._entries:
            value, size = make()
            self._entries[key] = value, max(size, self._least_entry)
            self._evict()
        self._entries.move_to_end(key)
        found: T = self._entries[key][0]
        return found

    def _evict(self) -> None:
        left, budget = sum(size for _, size in self._entries.values()), self._budget()
        while left > budget and len(self._entries) > 1:
            _, (_, size) = self._entries.popitem(last=False)
            left -= size


def array_bytes(*arrays: NDArray[Any]) -> int:
    """The bytes of memory that arrays occupy; a memory map occupies none."""
    return sum(array.nbytes for array in arrays if not _mapped(array))


def _mapped(array: NDArray[Any]) -> bool:
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False


_process_cache = MemoryCache(lambda: process_budget(memory(), os.cpu_count() or 1))
cached = _process_cache.get
