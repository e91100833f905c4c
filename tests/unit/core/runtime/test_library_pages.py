from __future__ import annotations

import ctypes
import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from core.runtime.library_pages import load_tensorflow_library, release_pages, unchanged_files

LINUX = Path("/proc/self/smaps").exists()
RESIDENT = """
import re, sys
from pathlib import Path
from core.runtime.library_pages import load_tensorflow_library, release_pages
if sys.argv[1] == "lean":
    load_tensorflow_library()
import keras
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def mapping(access: str, file: str, anonymous: int = 0, swap: int = 0, start: str = "1000") -> str:
    return (
        f"{start}-9000 {access} 00000000 fe:00 7                 {file}\n"
        f"Size:                 32 kB\nAnonymous:        {anonymous} kB\nSwap:             {swap} kB\n"
        "VmFlags: rd ex mr mw me\n"
    )


@pytest.mark.parametrize("access", ["r-xp", "r--p"])
def test_code_and_constants_of_a_file_are_unchanged(access: str) -> None:
    assert unchanged_files(mapping(access, "/lib/libm.so")) == [(0x1000, 0x9000)]


@pytest.mark.parametrize(
    "kept",
    [
        mapping("rw-p", "/lib/libm.so"),
        mapping("rw-s", "/dev/shm/shared"),
        mapping("r--p", "/lib/libm.so", anonymous=4),
        mapping("r--p", "/lib/libm.so", swap=4),
        mapping("r-xp", "[vdso]"),
        mapping("r--p", ""),
    ],
)
def test_what_can_differ_from_a_file_is_kept(kept: str) -> None:
    assert unchanged_files(kept + mapping("r-xp", "/lib/libz.so", start="5000")) == [(0x5000, 0x9000)]
    assert unchanged_files(mapping("r-xp", "/lib/libz.so", start="5000") + kept) == [(0x5000, 0x9000)]


@pytest.mark.skipif(not LINUX, reason="needs /proc")
def test_released_pages_read_as_before_and_changed_ones_survive(tmp_path: Path) -> None:
    path, page = tmp_path / "file", mmap.PAGESIZE
    path.write_bytes(b"file" * page)
    with path.open("rb") as file:
        plain = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        changed = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    changed[:4] = b"mine"
    address = ctypes.addressof(ctypes.c_char.from_buffer(changed))
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(4 * page), mmap.PROT_READ) == 0
    assert plain[:] == b"file" * page  # now its pages are resident
    release_pages()
    assert resident_kb(path) == page // 1024  # the changed one
    assert plain[:] == b"file" * page
    assert changed[:8] == b"minefile"


@pytest.mark.skipif(not LINUX, reason="needs /proc")
def test_tensorflow_works_in_less_memory_with_its_library_loaded_ahead() -> None:
    lean, plain = (int(subprocess.check_output([sys.executable, "-c", RESIDENT, way])) for way in ("lean", "plain"))
    assert plain - lean > 50_000  # of 200,000 kB


def test_nothing_is_loaded_on_another_system(tmp_path: Path) -> None:
    load_tensorflow_library(tmp_path / "no-smaps")


def resident_kb(path: Path) -> int:
    """Of all mappings of a file in this process."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if " " in line.partition(":")[0]:
            inside = line.endswith(str(path))
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total
