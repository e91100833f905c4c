"""What a Keras file would execute of its own, read from its configuration without loading it.

Keras's safe mode refuses marshalled Python, but lets a file name almost any public function of Keras,
with arguments: also one that writes files. So we look first for layers that run what the file says, and
for anything that isn't a part of a model.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from core.errors import ModelError

_RUNS_CODE = frozenset({"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
_CLASS_KEYS = ("class_name", "registered_name")
# Whose classes and functions models are made of. Of keras.src, Keras itself takes nothing but such classes.
_PARTS = re.compile(
    r"builtins|keras|keras\.src\..+|keras\.(activations|constraints|dtype_policies|initializers|layers|losses|metrics"
    r"|models|ops|optimizers|optimizers\.schedules|quantizers|random|regularizers)"
)


def refuse_own_code(path: Path, suffix: str) -> None:
    """Raise ModelError if a layer of the model in ``path`` runs code that the file brings or names."""
    try:
        found = _first_that_runs_code(json.loads(_config(path, suffix)))
    except Exception as error:
        # zipfile, h5py and json raise what they like on a file that is no model.
        raise ModelError(
            f"{path}: a Keras file with a model configuration",
            f"{type(error).__name__}: {error}",
            "save the model with model.save('name.keras')",
        ) from None
    if found is not None:
        raise ModelError(
            f"{path}: a model without code of its own",
            f"one with {found}",
            "replace it by layers of Keras; or, if you trust the file, give --trust-model to the command and to each"
            " worker, and resume with --retry-quarantined",
        )


def _config(path: Path, suffix: str) -> str | bytes:
    if suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            return archive.read("config.json")
    import h5py

    with h5py.File(path, "r") as file:
        config: str | bytes = file.attrs["model_config"]
        return config


def _first_that_runs_code(config: Any) -> str | None:
    # A stack instead of recursion: the file may be nested deeper than Python's own.
    rest = [config]
    while rest:
        value = rest.pop()
        if isinstance(value, list):
            rest += value
        elif isinstance(value, dict):
            rest += value.values()
            module = value.get("module")
            if "class_name" in value and isinstance(module, str) and not _PARTS.fullmatch(module):
                return f"{value['class_name']} {value.get('config')!r:.40} of {module}"
            for key in _CLASS_KEYS:
                name = value.get(key)
                # A registered name has its package before it: "package>Name".
                if isinstance(name, str) and name.rpartition(">")[2] in _RUNS_CODE:
                    return f"a layer {name}"
    return None
