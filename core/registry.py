"""Registries that map names to classes: attacks, data sets, image formats, models and metrics.

A class registers itself with ``@ATTACKS.register("name")``. The first look-up imports every module of the
registry's package, so adding one file adds an entry.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from core.errors import ConfigError

T = TypeVar("T")
C = TypeVar("C")


class Registry(Generic[T]):
    """The registered classes of one kind, discovered by importing every module of ``package``."""

    def __init__(self, kind: str, package: str) -> None:
        self.kind, self.package = kind, package
        self._entries: dict[str, T] = {}
        self._scanned = False

    def register(self, name: str) -> Callable[[C], C]:
        """Register the decorated class under ``name``; raises ValueError for a name that is taken."""

        def add(entry: C) -> C:
            known = self._entries.get(name)
            if known is not None and getattr(known, "__qualname__", "") != entry.__qualname__:  # type: ignore[attr-defined]
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = entry  # type: ignore[assignment]
            return entry

        return add

    @contextmanager
    def temporary(self, name: str, entry: T) -> Iterator[None]:
        """Register ``entry`` until the block ends, in place of any other of that name."""
        self._scan()
        before = dict(self._entries)
        self._entries[name] = entry
        try:
            yield
        finally:
            self._entries = before

    def __getitem__(self, name: str) -> T:
        """The class registered as ``name``; raises ConfigError with the known names."""
        self._scan()
        try:
            return self._entries[name]
        except KeyError:
            raise ConfigError(
                f"the name of a known {self.kind}",
                repr(name),
                f"choose one of {', '.join(self)}",
            ) from None

    def __contains__(self, name: object) -> bool:
        self._scan()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._scan()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        self._scan()
        return len(self._entries)

    def _scan(self) -> None:
        if not self._scanned:
            self._scanned = True
            try:
                package = importlib.import_module(self.package)
                for module in pkgutil.iter_modules(package.__path__):
                    importlib.import_module(f"{self.package}.{module.name}")
            except BaseException:
                self._scanned = False  # otherwise the next look-up would see an incomplete registry
                raise


DATASETS: Registry[Any] = Registry("data set", "core.datasets")
READERS: Registry[Any] = Registry("image format", "core.datasets.readers")
MODELS: Registry[Any] = Registry("model", "core.models")
ATTACKS: Registry[Any] = Registry("attack", "core.attacks")
METRICS: Registry[Any] = Registry("metric", "core.metrics")

DEFAULT_DATASET = "fashion-mnist"
DEFAULT_MODEL = "cnn"
