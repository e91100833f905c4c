"""From what the user asked to a planned run: all that can be wrong is found here.

Nothing is sent before the manifest stands in the store. The run's id is a digest of all that
determines its result, so that the same command finds its run again.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.base import ImageSet
from core.datasets.npz import NpzDataset
from core.errors import ConfigError, DataError, StoreError
from core.models.files.card import resolve
from core.models.files.loading import file_suffix
from core.registry import ATTACKS, DATASETS
from core.run.manifest import Blob, DataRef, Manifest, ModelRef, RunConfig
from core.run.run_store import RunStore
from core.run.store import Store
from core.run.value import Scalar, digest_of
from core.run.work_unit import range_size
from core.runtime.fingerprint import versions
from core.shard.cascade import stages_of
from core.shard.targets import RULES
from core.storage.folder import Folder
from core.storage.npy_header import npy_header
from orchestrator.planning.stages import DEFAULT_FALLBACK, cascade

_BATCH_VALUES = 64 * 64 * 64 * 3  # pixel values in a batch: larger images, smaller batches
_LARGEST_BATCH = 64
_PIECE = 64 << 20  # bytes hashed or written at a time
_ROW_BYTES = 400  # of ledger and index map, per image
_SHARD_BYTES = 32768  # of small files, per shard


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for. params are the hyper-parameters given by hand; attack may be several, ``a,b``.

    trust_model: whether code in the model's file may run while it is looked at. It is not kept in the run.
    """

    store: str
    data: str = "fashion-mnist"
    model: str = "cnn"
    shards: int = 64
    limit: int | None = None
    attack: str = "mifgsm"
    fallback: str | None = DEFAULT_FALLBACK
    target: str | None = None
    params: dict[str, Scalar] = field(default_factory=dict)
    labels: str = "predicted"
    bounds: tuple[float, float] = (0.0, 1.0)
    seed: int = 0
    batch_size: int | None = None
    max_attempts: int = 3
    time_limit: float = 3600.0
    shards_per_task: int | None = None
    trust_model: bool = False


def plan(request: Request) -> RunStore:
    """Validate the request, put the inputs and the manifest into the store; raises InputError."""
    config = run_config(request)
    store = Store(request.store)
    images = load_images(request.data, request.bounds).head(request.limit)
    shape: tuple[int, int, int] = images.images.shape[1:]
    config = config.model_copy(update={"batch_size": request.batch_size or _batch_size(shape)})
    name, path, card = resolve(request.model, shape, request.trust_model)
    if images.labels.max() >= card.classes:
        raise DataError(
            f"labels in 0..{card.classes - 1}, for a model with {card.classes} classes",
            f"a label {images.labels.max()}",
            "give the labels or the model that fit",
        )
    if isinstance(config.target, int) and config.target >= card.classes:
        raise ConfigError(
            f"a target in 0..{card.classes - 1}, for a model with {card.classes} classes",
            f"{config.target}",
            "give the number of a class",
        )
    config, assets = _with_assets(config, images, name)
    content = path.read_bytes()
    model = ModelRef(
        name=name, classes=card.classes, file=_blob(hashlib.sha256(content).hexdigest(), file_suffix(path))
    )
    data = DataRef(
        name=images.name,
        count=len(images.images),
        image_shape=shape,
        dtype=str(images.images.dtype),
        images=_array_blob(images.images),
        labels=_array_blob(images.labels),
        class_names=images.class_names,
    )
    shards = min(request.shards, data.count)
    run_id = _run_id(config, data, model, shards)
    run = store.run(run_id)
    if store.planned(run_id):
        return run
    needed = len(content) + sum(each.nbytes for each in assets.values()) + shards * _SHARD_BYTES
    _check_space(store.folder, images, needed)
    store.check_writable()
    manifest = Manifest(
        run_id=run_id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        config=config,
        data=data,
        model=model,
        shards=shards,
        max_attempts=request.max_attempts,
        time_limit=request.time_limit,
        shards_per_task=request.shards_per_task or _together(config, data, shards),
        versions=versions(),
    )
    _publish(run, manifest, images, content, assets)
    return run


def _together(config: RunConfig, data: DataRef, shards: int) -> int:
    if any(stage.attack.heavy for stage in stages_of(config)):
        return 1
    return range_size(data.count, shards, data.image_shape)


def run_config(request: Request) -> RunConfig:
    """The request's attack, with every hyper-parameter written out; raises ConfigError."""
    if request.shards < 1:
        raise ConfigError("1 shard or more", f"{request.shards}", "give --shards 64, say")
    if request.limit is not None and request.limit < 1:
        raise ConfigError("a limit of 1 image or more", f"{request.limit}", "leave --limit out for all images")
    low, high = request.bounds
    if not (np.isfinite([low, high]).all() and low < high):
        raise ConfigError("bounds LO below HI", f"{low:g} {high:g}", "give --bounds 0 1, say")
    return RunConfig(
        stages=tuple(cascade(request.attack, request.fallback, request.params, request.bounds)),
        labels=request.labels,
        target=_target(request),
        bounds=request.bounds,
        seed=request.seed,
    )


def _target(request: Request) -> int | str | None:
    """The class or the rule that was asked for, for attacks that can take one; raises ConfigError."""
    target = request.target
    if target is None:
        return None
    unable = [name for name in request.attack.split(",") if not ATTACKS[name].targetable]
    if unable:
        raise ConfigError("attacks that can move an image to a given class", ", ".join(unable), "leave --target out")
    if target in RULES:
        return target
    if not target.isdecimal():
        raise ConfigError(f"a class number, {' or '.join(RULES)} as the target", repr(target), "give --target 3, say")
    return int(target)


def load_images(data: str, bounds: tuple[float, float]) -> ImageSet:
    """A registered data set, or an .npz file; raises DataError."""
    if data in DATASETS:
        found: ImageSet = DATASETS[data]().load(bounds)
        return found
    if not data.endswith(".npz"):
        raise DataError(
            "the name of a known data set or an .npz file",
            repr(data),
            f"choose one of {', '.join(DATASETS)}, or give a file with the arrays images and labels",
        )
    return NpzDataset(data).load(bounds)


def _batch_size(shape: tuple[int, int, int]) -> int:
    fitting = max(1, _BATCH_VALUES // int(np.prod(shape)))
    return min(_LARGEST_BATCH, 1 << (fitting.bit_length() - 1))


def _run_id(config: RunConfig, data: DataRef, model: ModelRef, shards: int) -> str:
    determining = {
        "config": config.model_dump(mode="json"),
        "images": data.images.sha256,
        "labels": data.labels.sha256,
        "model": model.file.sha256,
        "shards": shards,
        "versions": versions(),
    }
    return digest_of(determining)[:16]


def _blob(sha256: str, suffix: str) -> Blob:
    return Blob(name=f"{sha256}{suffix}", sha256=sha256)


def _array_blob(array: NDArray[Any]) -> Blob:
    digest = hashlib.sha256()
    for piece in _npy_pieces(array):
        digest.update(piece)
    return _blob(digest.hexdigest(), ".npy")


def _npy_pieces(array: NDArray[Any]) -> Iterator[bytes | memoryview]:
    yield npy_header(array.shape, array.dtype)
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    for start in range(0, len(flat), _PIECE):
        yield flat[start : start + _PIECE]


def _with_assets(config: RunConfig, images: ImageSet, model: str) -> tuple[RunConfig, dict[Blob, NDArray[Any]]]:
    """The configuration with what its attacks need besides, and that by its place; files as arrays of bytes."""
    found: dict[Blob, NDArray[Any]] = {}
    stages = []
    for stage, built in zip(config.stages, stages_of(config), strict=True):
        blobs = {}
        for name, asset in built.attack.prepare(images, config.bounds, model).items():
            if isinstance(asset, Path):
                content = np.frombuffer(asset.read_bytes(), np.uint8)
                blob = _blob(hashlib.sha256(content.data).hexdigest(), file_suffix(asset))
            else:
                content, blob = asset, _array_blob(asset)
            blobs[name], found[blob] = blob, content
        stages.append(stage.model_copy(update={"assets": blobs}))
    return config.model_copy(update={"stages": tuple(stages)}), found


def _plain_pieces(content: NDArray[np.uint8]) -> Iterator[memoryview]:
    yield content.data


def _publish(
    run: RunStore, manifest: Manifest, images: ImageSet, model: bytes, assets: dict[Blob, NDArray[Any]]
) -> None:
    try:
        for blob, content in assets.items():
            run.inputs.write(blob, partial(_npy_pieces if blob.name.endswith(".npy") else _plain_pieces, content))
        run.inputs.write(manifest.data.images, partial(_npy_pieces, images.images))
        run.inputs.write(manifest.data.labels, partial(_npy_pieces, images.labels))
        run.inputs.write(manifest.model.file, lambda: [model])
        run.write_manifest(manifest)
    except OSError as error:
        raise StoreError(
            f"a store with room for the inputs at {run.url}",
            f"{type(error).__name__}: {error.strerror or error}",
            "make room and give the same command again",
        ) from None


def _check_space(folder: Folder, images: ImageSet, more: int) -> None:
    """Refuse a disk that is too full for the result, as far as one can know it."""
    if not folder.local:
        return
    place = Path(folder.root)
    while not place.exists():
        place = place.parent
    output = images.images.size * 4
    needed = images.images.nbytes + 2 * output + 2 * _ROW_BYTES * len(images.images) + more
    free = shutil.disk_usage(place).free
    if free < needed:
        raise StoreError(
            f"{needed / 1e6:.0f} MB free in the store {folder.url()}",
            f"{free / 1e6:.0f} MB",
            "make room or give another --store; the same command then goes on",
        )
