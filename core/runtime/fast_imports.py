"""Makes the import of TensorFlow and Keras faster in a process that uses nothing else yet."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

OPTIONAL = ("IPython", "matplotlib", "pandas", "scipy", "sklearn")
"""What TensorFlow and Keras import where it is installed, for data or plots that no model is given or makes here."""


@contextmanager
def fast_imports() -> Iterator[None]:
    """Import without garbage collection and without optional imports of Keras: saves 1.1 of 2.8 s.

    Afterwards they can be imported as usual.
    """
    absent = [name for name in OPTIONAL if name not in sys.modules]
    gc.disable()
    try:
        for name in absent:
            sys.modules[name] = None  # type: ignore[assignment]
        yield
    finally:
        for name in absent:
            del sys.modules[name]
        gc.freeze()  # otherwise the next collection, while the model loads, would scan all these objects: 0.1 s
        gc.enable()
