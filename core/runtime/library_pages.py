"""Loads TensorFlow's native library without keeping the pages that only its loading reads in this process's memory.

To load the library, the linker and the constructors of its globals read 300 MB of the file, most of it once. The pages
belong to the file: the system can drop them at any time and shares them between processes, yet they count as memory of
each process that has read them.
"""

from __future__ import annotations

import ctypes
import mmap
import re
from importlib.util import find_spec
from pathlib import Path

_LIBRARY = "libtensorflow_cc.so.2"
_MAPPING = re.compile(r"(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) (?P<access>\S+) \S+ \S+ \d+ +(?P<file>/.*)")


def load_tensorflow_library(smaps: Path = Path("/proc/self/smaps")) -> None:
    """Load the library, so that a later ``import tensorflow`` finds it loaded, and let its pages go.

    Nothing happens where there is no such library or no Linux.

    Args:
        smaps: the description of this process's memory.
    """
    spec = find_spec("tensorflow")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for library in (Path(folder) / _LIBRARY for folder in folders):
        if smaps.exists() and library.is_file():
            ctypes.CDLL(str(library))
            release_pages(smaps)


def release_pages(smaps: Path = Path("/proc/self/smaps")) -> None:
    """Unmap the pages of files that this process has not changed; what is used again is mapped again from the file.

    Args:
        smaps: the description of this process's memory.
    """
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for start, end in unchanged_files(smaps.read_text()):
        madvise(start, end - start, mmap.MADV_DONTNEED)


def unchanged_files(smaps: str) -> list[tuple[int, int]]:
    """The first and the last address of each mapping of a file that is read-only and has no page of its own.

    >>> code = "1000-3000 r-xp 00000000 fe:00 7    /lib/libm.so"
    >>> unchanged_files(f"{code}\\nAnonymous:    0 kB\\nSwap:    0 kB\\n")
    [(4096, 12288)]
    >>> unchanged_files(f"{code}\\nAnonymous:    4 kB\\nSwap:    0 kB\\n")  # addresses were filled in
    []
    """
    found: list[tuple[int, int]] = []
    mapping = None
    for line in smaps.splitlines():
        head, _, value = line.partition(":")
        if " " in head:
            mapping = _MAPPING.match(line)
            if mapping and "w" not in mapping["access"]:
                found.append((int(mapping["start"], 16), int(mapping["end"], 16)))
            else:
                mapping = None
        elif mapping and head in {"Anonymous", "Swap"} and value.split()[0] != "0":
            found.pop()
            mapping = None
    return found
