"""Enables TensorFlow's deterministic operations during training only.

Deterministic operations round differently, even where the default ones are deterministic too. An attack that runs later
in the same process must give the same bits as in a worker, so the setting is restored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deterministic_operations() -> Iterator[None]:
    """Enable deterministic operations, as a context manager or a decorator."""
    from tensorflow.python.framework import config  # the public module can't disable it again

    before = config.is_op_determinism_enabled()
    config.enable_op_determinism()
    try:
        yield
    finally:
        if not before:
            config.disable_op_determinism()
