"""Names of folders for the classes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from core.errors import ConfigError

_LONGEST = 60  # characters of at most 4 bytes; file systems allow 255 bytes
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # on Windows


def class_folders(class_names: Sequence[str], classes: int) -> list[str]:
    """The name of each class's folder, in the order of the labels.

    Without class names they are the labels, with leading zeros. Characters that a file system or a shell might not take
    become underscores.

    Args:
        class_names: one per class; empty if unknown.
        classes: their number.

    Raises:
        ConfigError: two classes would have the same folder, on a file system that ignores case.

    Example:
        >>> class_folders(["T-shirt/top", "Ankle boot"], 2)
        ['T-shirt_top', 'Ankle boot']
        >>> class_folders([], 11)[:2]
        ['00', '01']
    """
    if not class_names:
        width = len(str(classes - 1))
        return [f"{label:0{width}d}" for label in range(classes)]
    found: dict[str, str] = {}
    folders: list[str] = []
    for name in class_names:
        folder = _safe(name)
        other = found.setdefault(folder.casefold(), name)
        if len(found) <= len(folders):
            raise ConfigError(
                "class names that differ as names of folders",
                f"{other!r} and {name!r}, both {folder!r}",
                "leave --class-folders out; metadata.csv has each image's class",
            )
        folders.append(folder)
    return folders


def _safe(name: str) -> str:
    """A class's name as the name of a folder that is not hidden, on any file system."""
    kept = re.sub(r"[^\w .,+()@=-]", "_", unicodedata.normalize("NFC", name))
    safe = kept[:_LONGEST].strip(" .") or "_"
    return f"_{safe}" if _RESERVED.fullmatch(safe) else safe
