"""Save a Keras model so that the file's bytes depend on the model alone."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from core.errors import ModelError

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a ZIP file can hold


def save_model(model: Any, path: Path) -> None:
    """Write a keras.Model as a ``.keras`` file without the time of saving, so that equal models have equal digests.

    Args:
        model: a built keras.Model.
        path: ends in ``.keras``.

    Raises:
        ModelError: Keras can't save it.
    """
    try:
        model.save(path, include_optimizer=False)
    except Exception as error:  # noqa: BLE001 - Keras raises various exceptions for models that it can't serialise
        raise ModelError(
            "a keras.Model that can be saved",
            f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200] if str(error).strip() else ''}",
            "build it by calling it once, or give the path of a Keras file",
        ) from None
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(members["metadata.json"])
    metadata.pop("date_saved", None)
    members["metadata.json"] = json.dumps(metadata, sort_keys=True).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
