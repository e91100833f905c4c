"""Child processes of this Python that import nothing from the working directory."""

from __future__ import annotations

import sys


def python_command(*arguments: str) -> list[str]:
    """The command line of this Python with ``arguments``.

    With ``-P`` the working directory is not on the module path, so a ``tasks.py`` or ``redis.py`` of the user's own
    shadows nothing.
    """
    return [sys.executable, "-P", *arguments]
