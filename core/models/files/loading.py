"""Loads models from Keras files and SavedModel folders. Embedded code runs only if trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models.files.embedded_code import refuse_own_code
from core.models.files.formats import HDF5, KERAS, SAVED_MODEL, file_suffix
from core.models.files.user_modules import custom_objects

_NAMES = {KERAS: (".keras",), HDF5: (".h5", ".hdf5")}
_IMPORT = "for layers of your own, give --import FILE.py --trust-model, with the file that defines them"


def load_model(path: Path, *, trusted: bool = False) -> Any:
    """Load a keras.Model, uncompiled, or a SavedModel.

    Args:
        path: a Keras file, or a SavedModel, as a folder or packed.
        trusted: allow code in the file, such as Lambda layers, to run, and classes of imported modules to be used.

    Raises:
        ModelError: the file can't be loaded, or has embedded code and is not trusted.
    """
    import keras

    suffix = file_suffix(path)
    if not trusted:
        refuse_own_code(path, suffix)
    if suffix == SAVED_MODEL:
        from core.models.files.saved_model import load_saved_model

        return load_saved_model(path)
    if path.suffix not in _NAMES[suffix]:
        # Keras decides by the file name, so load it under a name that fits.
        return _load_renamed(path, suffix, trusted=trusted)
    try:
        own = custom_objects() if trusted else None
        return keras.saving.load_model(path, own, compile=False, safe_mode=not trusted)
    except Exception as error:  # noqa: BLE001 - Keras raises various exceptions for files that it can't load
        raise ModelError(
            f"{path}: a model that Keras {keras.__version__} loads" + ("" if trusted else " in its safe mode"),
            _first_line(error),
            _IMPORT + _older(path, suffix),
        ) from None


def _older(path: Path, suffix: str) -> str:
    """Advice for an HDF5 file that an older Keras wrote."""
    if suffix != HDF5:
        return ""
    import h5py

    with h5py.File(path, "r") as file:
        version = file.attrs.get("keras_version", "")
    version = version.decode() if isinstance(version, bytes) else str(version)
    if not version.startswith(("1.", "2.")):
        return ""
    return f"; it was saved by Keras {version}: load it there, and save its layers with Keras 3"


def _load_renamed(path: Path, suffix: str, *, trusted: bool) -> Any:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / f"model{suffix}"
        link.symlink_to(path.resolve())
        return load_model(link, trusted=trusted)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
