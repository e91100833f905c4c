"""Turns a request into a planned run: validate, hash the inputs, publish.

Nothing is sent before the manifest is in the store. The run's id is a digest of everything that determines its
result, so the same command finds its run again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from core.datasets.base import ImageSet
from core.models.files.card import check_channels, resolve
from core.models.inference.preprocessing import Preprocessing
from core.run.manifest import DataRef, Manifest, ModelRef, RunConfig
from core.run.run_store import RunStore
from core.run.store import Store
from core.run.value import digest_of
from core.run.work_unit import range_size
from core.runtime.fingerprint import versions
from core.shard.cascade import stages_of
from orchestrator.planning.disk_space import check_space
from orchestrator.planning.images import load_images
from orchestrator.planning.inputs import array_input, file_input, with_assets
from orchestrator.planning.publish import publish
from orchestrator.planning.request import Request
from orchestrator.planning.validate import check_classes, default_batch_size, run_config


def plan(request: Request, images: ImageSet | None = None) -> RunStore:
    """Validate the request, and write its inputs and its manifest to the store.

    Args:
        request: the run as the user describes it.
        images: the images to attack, instead of ``request.data``.

    Returns:
        The run: an existing one, if the same request was planned before.

    Raises:
        InputError: the request is invalid; no manifest is written.
    """
    config = run_config(request)
    store = Store(request.store)
    images = (images or load_images(request.data, request.bounds)).head(request.limit)
    shape: tuple[int, int, int] = images.images.shape[1:]
    if request.batch_size is None:
        config = config.model_copy(update={"batch_size": default_batch_size(shape)})
    name, path, card = resolve(request.model, shape, trusted=request.trust_model, imports=request.imports)
    check_channels(name, card, shape)
    Preprocessing(config.preprocess, config.bounds).check(card.image_shape)
    check_classes(images, config, card)
    config, assets = with_assets(config, images, name)
    file, pixels = file_input(path), array_input(images.images)
    labels = None if images.labels is None else array_input(images.labels)
    model = ModelRef(name=name, classes=card.classes, file=file.blob)
    data = DataRef(
        name=images.name,
        count=len(images.images),
        image_shape=shape,
        dtype=str(images.images.dtype),
        images=pixels.blob,
        labels=labels and labels.blob,
        class_names=images.class_names,
    )
    shards = min(request.shards, data.count)
    run_id = _run_id(config, data, model, shards)
    run = store.run(run_id)
    if store.planned(run_id):
        return run
    inputs = [*assets, pixels, *([labels] if labels else []), file]
    check_space(store.folder, data, shards, sum(each.size for each in inputs))
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
        shards_per_task=request.shards_per_task or _range_size(config, data, shards),
        versions=versions(),
    )
    publish(run, manifest, inputs)
    return run


def _range_size(config: RunConfig, data: DataRef, shards: int) -> int:
    if any(stage.attack.heavy for stage in stages_of(config)):
        return 1
    return range_size(data.count, shards, data.image_shape)


def _run_id(config: RunConfig, data: DataRef, model: ModelRef, shards: int) -> str:
    determining = {
        "config": config.model_dump(mode="json"),
        "images": data.images.sha256,
        "labels": data.labels and data.labels.sha256,
        "model": model.file.sha256,
        "shards": shards,
        "versions": versions(),
    }
    return digest_of(determining)[:16]
