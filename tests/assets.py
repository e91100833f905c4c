"""Assets that fit a few small images, for attacks that bring some."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from core.assets import Asset
from tests.generators import save_untrained

_MAKERS: dict[str, Callable[[Path, tuple[int, ...]], dict[str, Path]]] = {
    "advgan": lambda folder, shape: {"generator": save_untrained(folder / "generator.keras", shape)},
}


def assets_for(attack: str, shape: tuple[int, ...], folder: Path) -> dict[str, Asset]:
    """What the attack's ``prepare`` would name, for images of this shape."""
    return as_assets(_MAKERS[attack](folder, shape)) if attack in _MAKERS else {}


def as_assets(files: dict[str, Path]) -> dict[str, Asset]:
    """Files as a worker has them."""
    return {name: Asset(hashlib.sha256(path.read_bytes()).hexdigest(), path) for name, path in files.items()}
