"""Assets that fit a few small images, for attacks that bring some."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np

from core.attacks.composition import Composition
from core.datasets.base import ImageSet
from core.runtime.asset import Asset
from tests.generators import save_untrained


def _candidates(folder: Path, shape: tuple[int, ...]) -> dict[str, Path]:
    rng, found = np.random.default_rng(9), {}
    pictures = ImageSet("made up", rng.random((30, *shape), np.float32), rng.integers(0, 3, 30))
    with patch.dict(os.environ, ADVSHARD_CACHE=str(folder)):
        arrays = Composition().prepare(pictures, (0.0, 1.0), "cnn")
    for name, array in arrays.items():
        assert isinstance(array, np.ndarray)
        found[name] = folder / f"{name}.npy"
        np.save(found[name], array)
    return found


_MAKERS: dict[str, Callable[[Path, tuple[int, ...]], dict[str, Path]]] = {
    "composition": _candidates,
    "advgan": lambda folder, shape: {"generator": save_untrained(folder / "generator.keras", shape)},
}


def assets_for(attack: str, shape: tuple[int, ...], folder: Path) -> dict[str, Asset]:
    """What the attack's ``prepare`` would name, for images of this shape."""
    return as_assets(_MAKERS[attack](folder, shape)) if attack in _MAKERS else {}


def as_assets(files: dict[str, Path]) -> dict[str, Asset]:
    """Files as a worker has them."""
    return {name: Asset(hashlib.sha256(path.read_bytes()).hexdigest(), path) for name, path in files.items()}
