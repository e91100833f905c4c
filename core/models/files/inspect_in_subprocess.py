"""Inspects a Keras file in a subprocess, so that the caller needs no TensorFlow.

The inspecting module calls ``answer(...)`` when run as ``python -m MODULE FILE '[28, 28, 1]' WORD ...``, which prints
the result or the error as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.runtime.child_python import python_command
from core.runtime.fast_imports import fast_imports
from core.runtime.library_pages import load_tensorflow_library

_MARK = "found: "


def ask(module: str, path: Path, image_shape: tuple[int, ...], *words: str) -> dict[str, Any]:
    """Run an inspecting module on a file in a subprocess and return its result.

    Args:
        module: the module to run.
        path: the Keras file.
        image_shape: (H, W, C) of the images.
        words: further arguments for the module.

    Raises:
        ModelError: the module raised it, or the subprocess failed.
    """
    said = subprocess.run(
        python_command("-m", module, str(path), json.dumps(image_shape), *words),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"},
    )
    lines = [line for line in said.stdout.splitlines() if line.startswith(_MARK)]
    if not lines:
        last = (said.stderr.strip().splitlines() or ["no output"])[-1]
        raise ModelError(f"{path}: a loadable model", last, "try keras.saving.load_model on it")
    content: dict[str, Any] = json.loads(lines[-1].removeprefix(_MARK))
    if "expected" in content:
        raise ModelError(**content)
    return content


def answer(find_out: Callable[..., dict[str, object]]) -> None:
    """Print the result of ``find_out(path, image_shape, *words)``, or its ModelError, as JSON."""
    path, image_shape, *words = sys.argv[1:]
    load_tensorflow_library()
    with fast_imports():
        import keras  # noqa: F401  it imports TensorFlow
    try:
        found = find_out(Path(path), tuple(json.loads(image_shape)), *words)
    except ModelError as error:
        found = {"expected": error.expected, "got": error.got, "advice": error.advice}
    print(_MARK + json.dumps(found))
