"""A model with a layer of the user's own, in a module that only its folder has."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.runs import SHAPE

_LAYER = """
import keras
from mine_factor import FACTOR

{decorator}
class {name}(keras.layers.Layer):
    def call(self, x):
        return FACTOR * x
"""


def write_layers(path: Path, *, registered: bool = True) -> Path:
    """A module with a layer, registered with Keras or not, and the module that it imports."""
    decorator = f"@keras.saving.register_keras_serializable('{path.stem}')" if registered else ""
    path.with_name("mine_factor.py").write_text("FACTOR = 3.0\n")
    path.write_text(_LAYER.format(decorator=decorator, name=_class_of(path)))
    return path


def _class_of(layers: Path) -> str:
    return layers.stem.title().replace("_", "")


def save_custom(path: Path, layers: Path, classes: int = 3) -> tuple[Path, Callable[[Any], Any]]:
    """Save a classifier with that layer as another process would; the layer is unknown in this one afterwards.

    Returns:
        The file, and the model as a function.
    """
    import keras

    sys.path.append(str(layers.parent))
    try:
        spec = importlib.util.spec_from_file_location(layers.stem, layers)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[layers.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        model = keras.Sequential(
            [
                keras.Input(SHAPE),
                getattr(module, _class_of(layers))(),
                keras.layers.Flatten(),
                keras.layers.Dense(classes),
            ]
        )
        model.save(path)
    finally:
        sys.path.remove(str(layers.parent))
        del sys.modules[layers.stem]
        sys.modules.pop("mine_factor", None)
        registered = keras.saving.get_custom_objects()
        for name in [name for name in registered if name.endswith(_class_of(layers))]:
            del registered[name]
    return path, model
