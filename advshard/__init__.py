"""The Python API: attack an image set in shards on real workers, or a few images in this process.

Importing it loads no TensorFlow.

Example:
    >>> import advshard
    >>> [name for name in ("run", "attack", "open_run", "generate") if not callable(getattr(advshard, name))]
    []
"""

from __future__ import annotations

from advshard.in_process import attack
from advshard.result import RunResult, open_run
from advshard.run import run
from core.datasets.source import ReadOptions
from core.errors import (
    AdvshardError,
    BrokerError,
    ConfigError,
    DataError,
    IncompleteError,
    InputError,
    IntegrityError,
    ModelError,
    StoreError,
)
from core.generate.generate import generate

__all__ = [
    "AdvshardError",
    "BrokerError",
    "ConfigError",
    "DataError",
    "IncompleteError",
    "InputError",
    "IntegrityError",
    "ModelError",
    "ReadOptions",
    "RunResult",
    "StoreError",
    "attack",
    "generate",
    "open_run",
    "run",
]
