"""Parquet files with image columns and a dataset card, as Hugging Face's ``datasets`` and its Hub read them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import IntegrityError
from orchestrator.export import png
from orchestrator.export.card import CARD, card
from orchestrator.export.features import IMAGES, arrow_schema
from orchestrator.export.pieces import FinishedRun, Piece, pieces
from orchestrator.export.survival import Survival
from orchestrator.progress.images import ImageProgress

FILE_BYTES = 500_000_000


def write_parquet(finished: FinishedRun, folder: Path, file_bytes: int = FILE_BYTES) -> Survival:
    """Write a run as ``data/test-*.parquet``, with adversarial and original images, and its card ``README.md``.

    Every image is decoded again and compared before it is written, and every file is read back.

    Args:
        finished: the run.
        folder: an empty folder.
        file_bytes: the size after which a new file is begun.

    Raises:
        ConfigError: PNG has no form for images of so many channels.
        IntegrityError: the run is damaged, or a file came back changed.
    """
    png.check_channels(finished.manifest.data.image_shape)
    data = folder / "data"
    data.mkdir()
    survival, schema = Survival(), arrow_schema(finished.manifest)
    progress = ImageProgress("Parquet files", finished.manifest.data.count)
    paths: list[Path] = []
    with ThreadPoolExecutor() as threads, progress:
        tables = _tables(threads, pieces(finished, survival, originals=True), schema, progress)
        for first in tables:
            paths.append(data / f"{len(paths)}.parquet")
            _write_file(paths[-1], itertools.chain([first], tables), schema, file_bytes)
    for place, path in enumerate(paths):
        path.rename(data / f"test-{place:05d}-of-{len(paths):05d}.parquet")
    size = sum(path.stat().st_size for path in data.iterdir())
    (folder / CARD).write_text(card(finished, survival, size), encoding="utf-8")
    return survival


def _tables(
    threads: ThreadPoolExecutor, found: Iterable[Piece], schema: pa.Schema, progress: ImageProgress
) -> Iterator[pa.Table]:
    for piece in found:
        names = [f"{index}.png" for index in piece.rows.column("index").to_pylist()]
        columns = {name: piece.rows.column(name) for name in piece.rows.column_names}
        for column, images in zip(IMAGES, (piece.adversarial, piece.original), strict=True):
            contents = list(threads.map(_encode, names, images if images is not None else []))
            columns[column] = pa.StructArray.from_arrays(
                [pa.array(contents, pa.binary()), pa.array(names, pa.string())], ["bytes", "path"]
            )
        yield pa.table([columns[name] for name in schema.names], schema=schema)
        progress.advance(len(piece.rows))


def _encode(name: str, image: NDArray[np.uint8]) -> bytes:
    content = png.encode(image)
    png.check(content, image, name)
    return content


def _write_file(path: Path, tables: Iterator[pa.Table], schema: pa.Schema, file_bytes: int) -> None:
    """Write tables, each as a row group, until the file is large enough; then read it back."""
    written, found = hashlib.sha256(), hashlib.sha256()
    with (
        path.open("wb") as file,
        pq.ParquetWriter(file, schema, use_dictionary=["attack", "fallback_reason"]) as writer,
    ):
        for table in tables:
            writer.write_table(table)
            written.update(_images_in(table))
            if file.tell() >= file_bytes:
                break
    with pq.ParquetFile(path) as parquet:
        for group in range(parquet.num_row_groups):
            found.update(_images_in(parquet.read_row_group(group, list(IMAGES))))
    if found.digest() != written.digest():
        raise IntegrityError(f"{path}: other images than were written")


def _images_in(table: pa.Table) -> bytes:
    contents = (row["bytes"] for name in IMAGES for row in table.column(name).to_pylist())
    return b"".join(contents)
