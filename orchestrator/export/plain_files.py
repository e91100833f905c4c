"""The plain file formats of the source experiment: arrays and JSON maps."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from core.image.pixels import to_float
from core.run.index_map import IndexMap
from core.run.layout import INDEX_MAP
from orchestrator.export.pieces import FinishedRun
from orchestrator.progress.images import ImageProgress

_AT_ONCE = 4096  # images


def write_plain_files(finished: FinishedRun, folder: Path) -> None:
    """Write ``test_data.npy`` and ``attack_data.npy``, (N, H, W, C) float32, and three maps from digests.

    Args:
        finished: the run.
        folder: an empty folder.
    """
    _write_images(finished, folder)
    index = IndexMap.load(io.BytesIO(finished.run.results.content(INDEX_MAP)))
    names = [digest.tobytes().hex() for digest in index.digests]
    indices: dict[str, list[int]] = {}
    for name, place in zip(names, index.index.tolist(), strict=True):
        indices.setdefault(name, []).append(place)
    # Equal images have one entry, that of the first.
    _write_map(folder / "data_index_map.json", indices)
    labels = (label if label >= 0 else None for label in index.label[::-1].tolist())
    _write_map(folder / "data_label_map.json", dict(zip(names[::-1], labels, strict=True)))
    _write_map(folder / "attack_label_map.json", dict(zip(names[::-1], index.attack_label[::-1].tolist(), strict=True)))


def _write_images(finished: FinishedRun, folder: Path) -> None:
    run, data = finished.run, finished.manifest.data
    clean, adversarial = (
        np.lib.format.open_memmap(folder / name, "w+", np.float32, data.shape)
        for name in ("test_data.npy", "attack_data.npy")
    )
    with ImageProgress("plain files", data.count) as progress:
        for start in range(0, data.count, _AT_ONCE):
            stop = min(start + _AT_ONCE, data.count)
            clean[start:stop] = to_float(run.inputs.images(data, start, stop), finished.manifest.config.bounds)
            adversarial[start:stop] = run.results.attack_data(data, start, stop)
            progress.advance(stop - start)


def _write_map(path: Path, content: Mapping[str, int | list[int] | None]) -> None:
    path.write_text(json.dumps(content, sort_keys=True))
