"""``export``: write a run in the plain file formats of the source experiment."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np

from core.errors import ConfigError
from core.image.pixels import to_float
from core.run.index_map import NO_LABEL, IndexMap
from core.run.layout import INDEX_MAP
from core.run.manifest import Manifest
from core.run.run_store import RunStore
from orchestrator.options import find_run, store_option

_AT_ONCE = 4096  # images


@click.command("export")
@click.argument("run", required=False)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to")
@store_option
def export_command(run: str | None, store: str | None, out: Path) -> None:
    """Write RUN (an id or a URL; by default the newest run) as plain files.

    test_data.npy and attack_data.npy hold the clean and the adversarial images, (N, H, W, C) float32 in the same order.
    data_index_map.json, data_label_map.json and attack_label_map.json map an image's SHA-256 (core.image.digest) to its
    indices, its label (null if the set has none), and the prediction for its adversarial example.
    """
    found = find_run(run, store)
    report = found.results.report()
    if report is None or not report.complete:
        raise ConfigError("a complete run", f"{found.url}, which isn't", "resume it first")
    manifest = found.manifest()
    out.mkdir(parents=True, exist_ok=True)
    _write_images(found, manifest, out)
    index = IndexMap.load(io.BytesIO(found.results.content(INDEX_MAP)))
    names = [digest.tobytes().hex() for digest in index.digests]
    indices: dict[str, list[int]] = {}
    for name, place in zip(names, index.index.tolist(), strict=True):
        indices.setdefault(name, []).append(place)
    # Equal images have one entry, that of the first.
    _write_map(out / "data_index_map.json", indices)
    labels = (None if label == NO_LABEL else label for label in index.label[::-1].tolist())
    _write_map(out / "data_label_map.json", dict(zip(names[::-1], labels, strict=True)))
    _write_map(out / "attack_label_map.json", dict(zip(names[::-1], index.attack_label[::-1].tolist(), strict=True)))
    click.echo(str(out))


def _write_images(run: RunStore, manifest: Manifest, out: Path) -> None:
    data = manifest.data
    shape = (data.count, *data.image_shape)
    clean, adversarial = (
        np.lib.format.open_memmap(out / name, "w+", np.float32, shape) for name in ("test_data.npy", "attack_data.npy")
    )
    for start in range(0, data.count, _AT_ONCE):
        stop = min(start + _AT_ONCE, data.count)
        clean[start:stop] = to_float(run.inputs.images(data, start, stop), manifest.config.bounds)
        adversarial[start:stop] = run.results.attack_data(data, start, stop)


def _write_map(path: Path, content: Mapping[str, int | list[int] | None]) -> None:
    path.write_text(json.dumps(content, sort_keys=True))
