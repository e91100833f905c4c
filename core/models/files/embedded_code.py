"""Finds code that loading a Keras file would execute, from the file's configuration and without loading it.

Keras's safe mode refuses marshalled Python, but a file may still name almost any public function of Keras with
arguments, including functions that write files. Before loading, we therefore refuse layers that execute embedded
code and any class or function that is not a component of a model.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models.files.formats import KERAS, SAVED_MODEL

_RUNS_CODE = frozenset({"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
_IF_TRUSTED = "if you trust the file, give {} to the command and each worker, and resume with --retry-quarantined"
_TRUST, _IMPORT = "--trust-model", "--import FILE.py --trust-model"
_CLASS_KEYS = ("class_name", "registered_name")
# Modules with components of models. Of keras.src, Keras itself accepts only such classes.
_PARTS = re.compile(
    r"builtins|keras|keras\.src\..+|keras\.(activations|constraints|dtype_policies|initializers|layers|losses|metrics"
    r"|models|ops|optimizers|optimizers\.schedules|quantizers|random|regularizers)"
)


def refuse_own_code(path: Path, suffix: str) -> None:
    """Raise ModelError if loading the model would run code that the file embeds or names.

    Args:
        path: the file.
        suffix: its format, as ``file_suffix`` gives it.
    """
    if suffix == SAVED_MODEL:
        raise ModelError(
            f"{path}: a model without code",
            "a SavedModel, whose graph can read and write files",
            _IF_TRUSTED.format(_TRUST),
        )
    try:
        found = _first_that_runs_code(json.loads(_config(path, suffix)))
    except Exception as error:  # noqa: BLE001 - zipfile, h5py and json raise various exceptions for invalid files
        raise ModelError(
            f"{path}: a Keras file with a model configuration",
            f"{type(error).__name__}: {error}",
            "save the model with model.save('name.keras')",
        ) from None
    if found is not None:
        raise ModelError(
            f"{path}: a model without embedded code",
            f"one with {found[0]}",
            f"replace it with built-in Keras layers, or, {_IF_TRUSTED.format(found[1])}",
        )


def _config(path: Path, suffix: str) -> str | bytes:
    if suffix == KERAS:
        with zipfile.ZipFile(path) as archive:
            return archive.read("config.json")
    import h5py

    with h5py.File(path, "r") as file:
        config: str | bytes = file.attrs["model_config"]
        return config


def _first_that_runs_code(config: Any) -> tuple[str, str] | None:
    """What would run code, and the options that would allow it."""
    # A stack instead of recursion, because the file may be nested deeper than Python's recursion limit.
    rest = [config]
    while rest:
        value = rest.pop()
        if isinstance(value, list):
            rest += value
        elif isinstance(value, dict):
            rest += value.values()
            module = value.get("module")
            if "class_name" in value and isinstance(module, str) and not _PARTS.fullmatch(module):
                allowing = _TRUST if module.partition(".")[0] == "keras" else _IMPORT
                return f"{value['class_name']} {value.get('config')!r:.40} of {module}", allowing
            for key in _CLASS_KEYS:
                name = value.get(key)
                # A registered name is prefixed with its package: "package>Name".
                if isinstance(name, str) and name.rpartition(">")[2] in _RUNS_CODE:
                    return f"a layer {name}", _TRUST
    return None
