"""Reads an image set from an ``.npz`` file with the arrays ``images`` and ``labels``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.base import ImageSet, checked
from core.errors import DataError
from core.image.pixels import Bounds

_ADVICE = "write it with numpy.savez(path, images=images, labels=labels)"


class NpzDataset:
    """The arrays ``images`` (N, H, W, C) and ``labels`` (N,) of one file, read without unpickling."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def load(self, bounds: Bounds = (0.0, 1.0)) -> ImageSet:
        """Read and validate the file; raises DataError. ``bounds`` are those of float pixels."""
        images, labels = _arrays(self.path, ("images", "labels"), "check the path given to --data")
        return checked(str(self.path), images, labels, bounds)


def read_images(path: Path) -> NDArray[Any]:
    """Read the array of an ``.npy`` file, or ``images`` of an ``.npz`` file; raises DataError."""
    return _arrays(path, ("images",), "check the path given to --images", alone=True)[0]


def _arrays(path: Path, names: tuple[str, ...], where: str, *, alone: bool = False) -> list[NDArray[Any]]:
    """The arrays of these names. alone: accept a file with a single unnamed array (.npy)."""
    if not path.is_file():
        raise DataError("an .npz file", f"no file {path}", where)
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.lib.npyio.NpzFile):
                return [_member(path, archive, name) for name in names]
            if alone:
                return [np.asarray(archive)]
            raise DataError(f"{path}: an .npz archive", "a single array", _ADVICE)
    except DataError:
        raise
    except ValueError:
        # Neither format: NumPy assumes a pickle.
        raise DataError(f"{path}: an .npz archive", "a file of another format", _ADVICE) from None
    except Exception as error:  # noqa: BLE001 - zipfile, zlib and NumPy raise various exceptions for damaged archives
        raise DataError(f"{path}: a readable .npz archive", f"{type(error).__name__}: {error}", _ADVICE) from None


def _member(path: Path, archive: Any, name: str) -> NDArray[Any]:
    if name not in archive.files:
        found = ", ".join(archive.files) or "no arrays"
        raise DataError(f"{path}: an array '{name}'", found, _ADVICE)
    try:
        # NumPy returns a member without the .npy magic as bytes.
        array: NDArray[Any] = np.asarray(archive[name])
    except ValueError:
        raise DataError(
            f"{path}: plain numbers in '{name}'",
            "an object array, which is not unpickled",
            "store an array of uint8, float or integer type",
        ) from None
    return array
