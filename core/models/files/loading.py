"""Loads Keras files: Keras 3 (``.keras``) or legacy HDF5, recognized by content. Embedded code runs only if trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models.files.embedded_code import refuse_own_code

_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_NAMES = {".keras": (".keras",), ".h5": (".h5", ".hdf5")}


def file_suffix(path: Path) -> str:
    """Detect the format, ``.keras`` or ``.h5``, from the first bytes; raises ModelError for any other file."""
    if path.is_dir():
        raise ModelError(
            "a Keras file (.keras or .h5)",
            f"a folder, {path}",
            "save the model with model.save('name.keras')",
        )
    if not path.is_file():
        raise ModelError(
            "the name of a shipped model or a Keras file", f"no file {path}", "check the path given to --model"
        )
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(_ZIP):
        return ".keras"
    if head == _HDF5:
        return ".h5"
    raise ModelError(
        f"{path}: a Keras file (.keras or .h5)",
        "a file of another format",
        "save the model with model.save('name.keras')",
    )


def load_model(path: Path, *, trusted: bool = False) -> Any:
    """Load a keras.Model, uncompiled.

    Args:
        path: the Keras file.
        trusted: allow code in the file, such as Lambda layers, to run.

    Raises:
        ModelError: the file can't be loaded, or has embedded code and is not trusted.
    """
    import keras

    suffix = file_suffix(path)
    if not trusted:
        refuse_own_code(path, suffix)
    if path.suffix not in _NAMES[suffix]:
        # Keras decides by the file name, so load it under a name that fits.
        return _load_renamed(path, suffix, trusted=trusted)
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=not trusted)
    except Exception as error:  # noqa: BLE001 - Keras raises various exceptions for files that it can't load
        raise ModelError(
            f"{path}: a model that loads in Keras's safe mode",
            _first_line(error),
            "replace Lambda layers and register custom layers with keras.saving, or save it with Keras 3",
        ) from None


def _load_renamed(path: Path, suffix: str, *, trusted: bool) -> Any:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / f"model{suffix}"
        link.symlink_to(path.resolve())
        return load_model(link, trusted=trusted)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
