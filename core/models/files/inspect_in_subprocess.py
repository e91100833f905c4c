"""Questions about a Keras file, answered by a process of its own, so that whoever asks needs no TensorFlow.

A module that answers ends in ``answer(...)``; it is run as ``python -m MODULE FILE '[28, 28, 1]' WORD ...``
and prints what it found, or the error.
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

_MARK = "found: "


def ask(module: str, path: Path, image_shape: tuple[int, ...], *words: str) -> dict[str, Any]:
    """What ``module`` finds out about the file; raises ModelError."""
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
        raise ModelError(f"{path}: a model that loads", last, "try keras.saving.load_model on it")
    content: dict[str, Any] = json.loads(lines[-1].removeprefix(_MARK))
    if "expected" in content:
        raise ModelError(**content)
    return content


def answer(find_out: Callable[..., dict[str, object]]) -> None:
    """Print what ``find_out(path, image_shape, *words)`` gives, or its ModelError."""
    path, image_shape, *words = sys.argv[1:]
    try:
        found = find_out(Path(path), tuple(json.loads(image_shape)), *words)
    except ModelError as error:
        found = {"expected": error.expected, "got": error.got, "advice": error.advice}
    print(_MARK + json.dumps(found))
