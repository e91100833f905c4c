"""Keras files with code in them, which leaves a mark when it runs."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from tests.runs import SHAPE


def save_trap(path: Path, mark: Path, where: str = "flat", classes: int = 3) -> Path:
    """A classifier that makes the file ``mark`` whenever it is called.

    where: "flat", in the model itself; "nested", two sub-models deep; "wrapped", in TimeDistributed.
    """
    import keras
    from keras import layers

    # The path stands in the code, which is all that is saved of a lambda.
    code = eval(f"lambda x: (__import__('pathlib').Path({str(mark)!r}).touch(), x)[1]")  # noqa: S307

    def trap(shape: tuple[int, ...]) -> Any:
        return layers.Lambda(code, output_shape=shape)

    inputs = keras.Input(SHAPE)
    if where == "nested":
        inner = keras.Sequential([keras.Input(SHAPE), trap(SHAPE)])
        x = keras.Sequential([keras.Input(SHAPE), inner])(inputs)
    elif where == "wrapped":
        x = layers.TimeDistributed(trap(SHAPE[1:]))(inputs)
    else:
        x = trap(SHAPE)(inputs)
    keras.Model(inputs, layers.Dense(classes)(layers.Flatten()(x))).save(path)
    mark.unlink(missing_ok=True)
    return path


def save_named_trap(path: Path, mark: Path, layer: str) -> Path:
    """A classifier that has Keras itself write the picture ``mark``: no code in it, but a function's name.

    layer: "lambda", which Keras's safe mode lets pass; "activation", a function where only layers should be.
    """
    import keras
    from keras import layers

    arguments = {"rows": 1, "cols": 1, "path": str(mark)}
    trap: Any = layers.Activation("relu")
    if layer == "lambda":
        trap = layers.Lambda(keras.visualization.plot_image_gallery, arguments=arguments, output_shape=SHAPE)
    plain = path.with_name("plain.keras")
    keras.Sequential([keras.Input(SHAPE), trap, layers.Flatten(), layers.Dense(3)]).save(plain)
    changes = {
        "lambda": (b'"module": "builtins"', b'"module": "keras.visualization"'),
        "activation": (
            b'"activation": "relu"',
            b'"activation": {"module": "keras.visualization", "class_name": "plot_image_gallery", "config": {}}',
        ),
    }
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                assert changes[layer][0] in content
                content = content.replace(*changes[layer])
            target.writestr(name, content)
    return path
