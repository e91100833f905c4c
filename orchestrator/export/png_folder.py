"""PNG files with ``metadata.csv``: what Hugging Face's ``imagefolder`` and Keras read."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.errors import ConfigError
from core.run.manifest import Manifest
from orchestrator.export import png
from orchestrator.export.class_folders import class_folders
from orchestrator.export.columns import ledger_columns, names_of_classes
from orchestrator.export.pieces import FinishedRun, pieces
from orchestrator.export.survival import Survival
from orchestrator.progress.images import ImageProgress

METADATA = "metadata.csv"
_ADVERSARIAL, _ORIGINAL = "adversarial", "original"  # folders, if there are both


class Layout:
    """Where the images of a run go below the folder of an export.

    Args:
        manifest: of the run.
        by_class: whether each class has a folder.
        originals: whether the clean images are written too.

    Raises:
        ConfigError: by_class without labels, or with classes whose folders would have the same name.
    """

    def __init__(self, manifest: Manifest, *, by_class: bool, originals: bool) -> None:
        if by_class and manifest.data.labels is None:
            raise ConfigError("a run with labels", "--class-folders for images without labels", "leave it out")
        self.names = names_of_classes(manifest)
        self.originals = originals
        self._folders = class_folders(self.names, manifest.model.classes) if by_class else []
        self._digits = max(5, len(str(manifest.data.count - 1)))

    def folders(self) -> list[str]:
        """All folders with images, also those of classes without any, so that Keras's labels are ours."""
        tops = [f"{_ADVERSARIAL}/", f"{_ORIGINAL}/"] if self.originals else [""]
        return [top + folder for top in tops for folder in self._folders or [""]]

    def files(self, rows: pa.Table) -> dict[str, list[str]]:
        """The names of the images' files, one list per column of ``metadata.csv`` that holds them."""
        indices, labels = rows.column("index").to_pylist(), rows.column("label").to_pylist()
        names = [f"{index:0{self._digits}d}.png" for index in indices]
        if self._folders:
            names = [f"{self._folders[label]}/{name}" for label, name in zip(labels, names, strict=True)]
        if not self.originals:
            return {"file_name": names}
        tops = {"file_name": _ADVERSARIAL, "original_file_name": _ORIGINAL}
        return {column: [f"{top}/{name}" for name in names] for column, top in tops.items()}


def write_png(finished: FinishedRun, folder: Path, layout: Layout) -> Survival:
    """Write the images of a run as PNG files, and ``metadata.csv`` with a row for each.

    Every file is read back and compared.

    Args:
        finished: the run.
        folder: an empty folder.
        layout: the places of the files.

    Raises:
        ConfigError: PNG has no form for images of so many channels.
        IntegrityError: the run is damaged, or a file came back changed.
    """
    png.check_channels(finished.manifest.data.image_shape)
    for name in layout.folders():
        (folder / name).mkdir(parents=True, exist_ok=True)
    survival = Survival()
    progress = ImageProgress("PNG files", finished.manifest.data.count)
    with (folder / METADATA).open("w", newline="", encoding="utf-8") as file, ThreadPoolExecutor() as threads, progress:
        table = csv.writer(file, lineterminator="\n")
        for piece in pieces(finished, survival, originals=layout.originals):
            files = layout.files(piece.rows)
            columns = {**files, **_columns(piece.rows, layout)}
            if not survival.images:
                table.writerow(columns)
            for names, images in zip(files.values(), (piece.adversarial, piece.original), strict=False):
                if images is not None:
                    _write(threads, folder, names, images)
            table.writerows(zip(*columns.values(), strict=True))
            progress.advance(len(piece.rows))
    return survival


def _write(threads: ThreadPoolExecutor, folder: Path, names: Iterable[str], images: NDArray[np.uint8]) -> None:
    def one(name: str, image: NDArray[np.uint8]) -> None:
        path = folder / name
        path.write_bytes(png.encode(image))
        png.check(path.read_bytes(), image, name)

    for _ in threads.map(one, names, images):
        pass


def _columns(rows: pa.Table, layout: Layout) -> dict[str, list[Any]]:
    """The ledger's columns, with the name of each image's class after its label."""
    found: dict[str, list[Any]] = {}
    for name in ledger_columns():
        found[name] = rows.column(name).to_pylist()
        if name == "label":
            known = layout.names
            found["class_name"] = [known[label] if known and label is not None else None for label in found[name]]
    return found
