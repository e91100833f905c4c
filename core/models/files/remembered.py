"""What was found out about a model's file, kept in the cache folder by the file's digest.

It is found out anew when the file, the software that a result depends on, or the code that reads models changes. What
is kept is plain JSON, and only what was found out without running code of the file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from core.runtime.cache_dir import cache_dir
from core.runtime.fingerprint import versions

_MODELS = Path(__file__).parent.parent


def remembered(path: Path, image_shape: tuple[int, ...], look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what ``look`` found out about this file and images of shape (H, W, C), now or earlier.

    Args:
        path: the file.
        image_shape: of the images; empty where there are none.
        look: finds it out; what it raises is not kept.
    """
    digest = _digest(path)
    kept = cache_dir() / "cards" / f"{digest}-{_circumstances(image_shape)}.json"
    with suppress(OSError, ValueError, RecursionError):  # it isn't there, or is damaged
        content = json.loads(kept.read_bytes())
        if isinstance(content, dict):
            return content
    found = look()
    with suppress(OSError):  # without room, or a writable folder, the next run looks again
        if _digest(path) == digest:
            kept.parent.mkdir(parents=True, exist_ok=True)
            scratch = kept.with_suffix(f".{os.getpid()}")
            scratch.write_text(json.dumps(found))
            scratch.replace(kept)
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _circumstances(image_shape: tuple[int, ...]) -> str:
    """A digest of all besides the file that the findings depend on."""
    said = json.dumps([versions(), image_shape, _code()])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


@cache
def _code() -> str:
    """A digest of the source files that read models."""
    digest = hashlib.sha256()
    for file in sorted(_MODELS.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
