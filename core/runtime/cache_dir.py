"""Where downloaded data sets are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_dir() -> Path:
    """``$ADVSHARD_CACHE``, or the user's cache folder for this program."""
    given = os.environ.get("ADVSHARD_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("advshard"))
