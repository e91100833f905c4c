"""This machine's settings of pip, for the build of an image: a mirror, a certificate, folders of wheels.

They are mounted while the image is built, and so get neither into the image nor into the project's files.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote


def volumes(folder: Path) -> list[str]:
    """Arguments for ``podman build``; a pip.conf is written into ``folder``."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    settings = parse(listed)
    if not settings:
        return []
    config = folder / "pip.conf"
    config.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    mounts = [f"{path}:{path}:ro" for value in settings.values() for path in local_paths(value)]
    return [f"--volume={each}" for each in (f"{config}:/etc/pip.conf:ro", *dict.fromkeys(mounts))]


def parse(listed: str) -> dict[str, str]:
    """The settings in the output of ``pip config list``; the environment's, which come first there, win."""
    settings: dict[str, str] = {}
    for line in listed.splitlines():
        if found := re.fullmatch(r"([^=]+)\.([^.=]+)=('.*'|\".*\")", line):
            settings.setdefault(found[2], " ".join(str(ast.literal_eval(found[3])).split()))
    return settings


def local_paths(value: str) -> list[Path]:
    """The files and folders that a setting names. For an index its parent, where the files are that it links to."""
    found = []
    for word in value.split():
        path = Path(unquote(word.removeprefix("file://")))
        if path.is_absolute() and path.exists():
            found.append(path.parent if word.startswith("file://") else path)
    return found
