"""Turns a request into a planned run: validate, spool and hash the inputs, publish.

Nothing is sent before the manifest is in the store. The run's id is a digest of everything that determines its
result, so the same command finds its run again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from core.datasets.by_name import open_images
from core.datasets.conversion.labels import in_model_order
from core.datasets.conversion.normalise import Target, image_shape
from core.datasets.source import Source
from core.errors import StoreError
from core.models.files.architecture import preprocessing_hint
from core.models.files.card import ModelCard, resolve
from core.models.inference.preprocessing import Preprocessing
from core.run.manifest import DataRef, Manifest, ModelRef, RunConfig
from core.run.run_store import RunStore
from core.run.store import Store
from core.run.value import digest_of
from core.run.work_unit import range_size
from core.runtime.bfloat16 import bfloat16_instructions
from core.runtime.fingerprint import versions
from core.shard.cascade import stages_of
from orchestrator.planning.disk_space import check_space, check_spool
from orchestrator.planning.images import Spooled, choose, spool
from orchestrator.planning.inputs import Input, file_input, with_assets
from orchestrator.planning.precision import Chosen, choose_precision
from orchestrator.planning.publish import publish
from orchestrator.planning.request import UNIT, Request
from orchestrator.planning.scratch import scratch
from orchestrator.planning.validate import check_labels, check_target, default_batch_size, run_config

Progress = Callable[[int, int], None]
Note = Callable[[str], None]


def plan(
    request: Request, source: Source | None = None, note: Note | None = None, progress: Progress | None = None
) -> RunStore:
    """Validate the request, and write its inputs and its manifest to the store.

    Args:
        request: the run as the user describes it.
        source: the images to attack, instead of ``request.data``.
        note: called with each sentence on how images or model were understood where there was a choice.
        progress: called with the images read so far, and their number in all.

    Returns:
        The run: an existing one, if the same request was planned before.

    Raises:
        InputError: the request is invalid; no manifest is written.
    """
    run_config(request)  # refuses what can be refused before anything is read
    store = Store(request.store)
    chosen = choose(request, source or open_images(request.data, request.read))
    shape = image_shape(chosen.source, chosen.rows)
    name, path, card = resolve(request.model, shape, trusted=request.trust_model, imports=request.imports)
    config, target = understood(request, card)
    check_target(config, card.classes)
    Preprocessing(config.preprocess, config.bounds).check(card.image_shape)
    check_labels(config, chosen.source.name, chosen.labels.numbers)
    labels = in_model_order(chosen.source.name, chosen.labels, card.classes, card.class_names, request.classes)
    check_spool(store.folder, len(chosen.rows), target.shape)
    with scratch(store.folder) as folder:
        try:
            images = spool(
                replace(chosen, labels=labels), target, folder, progress, resized=request.read.size is not None
            )
        except OSError as error:
            raise StoreError(
                f"room for the images in the store {store.folder.url()}",
                f"{type(error).__name__}: {error.strerror or error}",
                "make room and give the same command again",
            ) from None
        for each in (*_model_notes(request, config, card), *images.data.notes):
            if note is not None:
                note(each)
        return _published(request, config, store, images, (name, path, card))


def understood(request: Request, card: ModelCard) -> tuple[RunConfig, Target]:
    """The configuration with the bounds and the batch size of this model, and what images are brought to."""
    config = run_config(request, card.pixel_bounds)
    height, width, channels = card.image_shape
    target = Target((height, width, channels), config.bounds, request.bounds is not None or bool(card.pixel_bounds))
    if request.batch_size is None:
        config = config.model_copy(update={"batch_size": default_batch_size(target.shape)})
    return config.model_copy(update={"precision": _precision(request, config, card).precision}), target


def _precision(request: Request, config: RunConfig, card: ModelCard) -> Chosen:
    return choose_precision(
        request.precision, config, card.operations, bfloat16_instructions(), elsewhere=request.elsewhere
    )


def _model_notes(request: Request, config: RunConfig, card: ModelCard) -> list[str]:
    """How the model was understood where there was a choice, or where it probably needs more than was said."""
    notes = list(card.notes)
    if request.bounds is None and card.pixel_bounds and card.pixel_bounds != UNIT:
        notes.append("the bounds are {:g}..{:g}, as the model's first layers say".format(*card.pixel_bounds))
    hint = preprocessing_hint(card.architecture, card.preprocessing)
    if request.preprocess == "none" and hint:
        notes.append(hint)
    chosen = _precision(request, config, card)
    return [*notes, chosen.note] if chosen.note else notes


def _published(
    request: Request, config: RunConfig, store: Store, images: Spooled, model: tuple[str, Path, ModelCard]
) -> RunStore:
    name, path, card = model
    config, assets = with_assets(config, images.images, name)
    file, data = file_input(path), images.data
    model_ref = ModelRef(name=name, classes=card.classes, file=file.blob)
    shards = min(request.shards, data.count)
    run_id = _run_id(config, data, model_ref, shards)
    run = store.run(run_id)
    if store.planned(run_id):
        return run
    inputs: list[Input] = [*assets, *images.inputs, file]
    # What is spooled in a local store needs no more room.
    check_space(store.folder, data, shards, sum(each.size for each in inputs if each.file is None))
    store.check_writable()
    manifest = Manifest(
        run_id=run_id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        config=config,
        data=data,
        model=model_ref,
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
        "labels": data.labels.sha256 if data.labels else None,
        "model": model.file.sha256,
        "shards": shards,
        "versions": versions(),
    }
    return digest_of(determining)[:16]
