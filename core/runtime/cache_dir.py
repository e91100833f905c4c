"""The folder for downloads, logs and copies of inputs."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from core.runtime.settings import settings


def cache_dir() -> Path:
    """``$ADVSHARD_CACHE``, or the user's cache folder for this program."""
    return settings().cache or Path(platformdirs.user_cache_dir("advshard"))
