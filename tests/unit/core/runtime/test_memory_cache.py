from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.runtime.memory import Memory
from core.runtime.memory_cache import MemoryCache, array_bytes, process_budget

MB = 1 << 20


def sized(value: str, size: int) -> Callable[[], tuple[str, int]]:
    return lambda: (value, size)


def never() -> tuple[str, int]:
    raise AssertionError("it is there already")


def test_a_value_is_made_once() -> None:
    cache = MemoryCache(lambda: 10, least_entry=1)
    assert cache.get("a", sized("first", 1)) == "first"
    assert cache.get("a", never) == "first"


def test_the_least_recently_used_goes_first_and_as_few_as_need_be() -> None:
    cache = MemoryCache(lambda: 10, least_entry=1)
    for key in "abc":
        cache.get(key, sized(key, 3))
    cache.get("a", never)
    cache.get("d", sized("d", 4))
    assert [key in cache for key in "abcd"] == [True, False, True, True]
    cache.get("e", sized("e", 10))
    assert [key in cache for key in "abcde"] == [False, False, False, False, True]


def test_the_newest_stays_though_it_is_over_the_budget() -> None:
    cache = MemoryCache(lambda: 10, least_entry=1)
    cache.get("a", sized("a", 1))
    assert cache.get("large", sized("large", 99)) == "large"
    assert ("a" in cache, "large" in cache) == (False, True)
    cache.get("b", sized("b", 1))
    assert ("large" in cache, "b" in cache) == (False, True)


def test_an_entry_without_a_size_counts_too() -> None:
    cache = MemoryCache(lambda: 10, least_entry=5)
    for key in "abc":
        cache.get(key, sized(key, 0))
    assert [key in cache for key in "abc"] == [False, True, True]


def test_what_could_not_be_made_is_made_the_next_time() -> None:
    cache = MemoryCache(lambda: 10)

    def fail() -> tuple[str, int]:
        raise OSError("the store is away")

    with pytest.raises(OSError, match="away"):
        cache.get("a", fail)
    assert cache.get("a", sized("now", 1)) == "now"


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 12)), max_size=30))
def test_it_never_holds_more_than_the_budget_but_for_one(uses: list[tuple[int, int]]) -> None:
    cache, sizes = MemoryCache(lambda: 20, least_entry=1), dict[int, int]()
    for key, size in uses:
        if key not in cache:
            sizes[key] = max(size, 1)
        cache.get(key, lambda size=size: (None, size))  # type: ignore[misc]
        assert key in cache
        held = [sizes[each] for each in range(7) if each in cache]
        assert sum(held) <= 20 or len(held) == 1


@pytest.mark.parametrize(
    ("found", "processes", "expected"),
    [
        (Memory(8192 * MB, 1, limited=False), 4, 1024 * MB),
        (Memory(1024 * MB, 1024 * MB, limited=True), 8, 256 * MB),
        (None, 8, 256 * MB),
    ],
)
def test_the_budget_is_half_of_a_process_s_share(found: Memory | None, processes: int, expected: int) -> None:
    assert process_budget(found, processes) == expected


def test_a_memory_map_takes_no_memory(tmp_path: Path) -> None:
    array = np.zeros((10, 10), np.float32)
    np.save(tmp_path / "a.npy", array)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    views = mapped, np.asarray(mapped), np.asarray(mapped)[2:].reshape(-1)
    assert array_bytes(*views) == 0
    assert array_bytes(array, mapped, array[:5]) == 600
