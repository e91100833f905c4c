"""Operations in TensorFlow's deterministic forms, for a training and no longer.

They have other bits than the usual ones, also where those are deterministic already: an attack that
comes later in the same process is to have a worker's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deterministic_operations() -> Iterator[None]:
    """Within it; as a decorator, within the function."""
    from tensorflow.python.framework import config  # the public module can't undo it

    before = config.is_op_determinism_enabled()
    config.enable_op_determinism()
    try:
        yield
    finally:
        if not before:
            config.disable_op_determinism()
