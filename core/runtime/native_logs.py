"""Keeps TensorFlow's start-up messages off the user's terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from core.runtime.onednn import ask_for_onednn


@contextmanager
def quiet_native_logs() -> Iterator[None]:
    """Discard native messages while TensorFlow is imported. Python's own errors still show.

    C++ code writes these messages to file descriptor 2 before any log level applies.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    ask_for_onednn()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    yield
