"""Inspects a model, and an image set if there is one, as a run would read them."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import Literal

from core.datasets.by_name import open_images
from core.datasets.conversion.normalise import image_shape
from core.inspection.readings import Reading, best_reading
from core.inspection.task import SampleLook, Task, look_at_sample
from core.models.files.architecture import preprocessing_hint
from core.models.files.card import ModelCard, resolve
from core.models.inference.preprocessing import Preprocessing
from core.models.inference.reading import SATURATES
from core.run.manifest import RunConfig
from core.shard.passes import passes_of
from orchestrator.inspection.found import CostFound, Inspection, ModelFound, SampleFound
from orchestrator.inspection.sample import Sample, read_sample
from orchestrator.planning.images import choose
from orchestrator.planning.plan import understood
from orchestrator.planning.request import Request
from orchestrator.report.cost import cpu_seconds


def inspect(request: Request, given: list[str], *, with_data: bool) -> Inspection:
    """Inspect what a run would use, without a run.

    Args:
        request: the run that is considered.
        given: the options of the command line for data and trust, for the suggested command.
        with_data: whether there is an image set; otherwise the model is inspected alone.

    Raises:
        InputError: ``run`` would refuse it.
    """
    chosen = choose(request, open_images(request.data, request.read)) if with_data else None
    shape = image_shape(chosen.source, chosen.rows) if chosen else ()
    name, path, card = resolve(request.model, shape, trusted=request.trust_model, imports=request.imports)
    config, target = understood(request, card)
    Preprocessing(config.preprocess, config.bounds).check(card.image_shape)
    sample = read_sample(request, chosen, card, target) if chosen else None
    task = Task(bounds=config.bounds, preprocess=config.preprocess, batch_size=config.batch_size)
    words = ("trusted", *request.imports) if request.trust_model else ()
    with tempfile.TemporaryDirectory(prefix="advshard-") as folder:
        arrays = (sample.images, sample.labels) if sample else None
        look = look_at_sample(path, target.shape, task, arrays, Path(folder), words)
    model = _model(request, config, (name, path, card), look)
    found = _sample(look, card, sample)
    best = best_reading(look.reading, look.others, card.classes) if look.reading else None
    return Inspection(
        warnings=_warnings(model, found, best),
        model=model,
        data=sample.data if sample else None,
        sample=found,
        cost=_cost(config, card.classes, look, sample),
        command=_command(model, best, request.model, given, with_data=with_data),
    )


def _model(request: Request, config: RunConfig, model: tuple[str, Path, ModelCard], look: SampleLook) -> ModelFound:
    name, path, card = model
    origin: Literal["given", "first layers", "default"] = "default"
    if request.bounds is not None:
        origin = "given"
    elif card.pixel_bounds is not None:
        origin = "first layers"
    files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    return ModelFound(
        name=name,
        bytes=sum(each.stat().st_size for each in files),
        parameters=look.parameters,
        image_shape=card.image_shape,
        input_shape=card.input_shape,
        channels_first=card.channels_first,
        output=card.output,
        classes=card.classes,
        class_names=request.classes or card.class_names,
        bounds=config.bounds,
        bounds_from=origin,
        preprocess=config.preprocess,
        architecture=card.architecture,
        usual_preprocess=card.preprocessing,
        notes=tuple(note for note in card.notes if note != SATURATES),  # which is among the warnings
    )


def _sample(look: SampleLook, card: ModelCard, sample: Sample | None) -> SampleFound | None:
    if look.reading is None or sample is None:
        return None
    return SampleFound(
        images=look.reading.images,
        clean_accuracy=look.reading.accuracy,
        labelled=look.reading.labelled,
        predicted=look.reading.predicted,
        gates=tuple(look.reading.gates(card.classes, sample.data.class_names)),
        others=look.others,
    )


def _warnings(model: ModelFound, sample: SampleFound | None, best: Reading | None) -> tuple[str, ...]:
    found = []
    raised = [gate for gate in sample.gates if gate.raised] if sample else []
    found += [f"{gate.name}: {gate.detail}" for gate in raised]
    if best is not None:
        said = f"{best.largest_share:.0%} of the images in the most frequent class"
        if best.accuracy is not None:
            said = f"clean accuracy {best.accuracy:.2f}"
        found.append(f"another reading of the pixels fits better: {' '.join(best.options)}, with {said}")
    elif raised:
        found.append(
            "likely causes: other bounds (--bounds LO HI), preprocessing outside the model (--preprocess), grey images"
            " for an RGB model or the reverse, labels in another order than the model's outputs (--classes FILE)"
        )
    if model.output == "probabilities":
        found.append(SATURATES)
    hint = preprocessing_hint(model.architecture, model.usual_preprocess)
    if hint and model.preprocess == "none" and best is None:
        found.append(hint)
    return tuple(found)


def _cost(config: RunConfig, classes: int, look: SampleLook, sample: Sample | None) -> CostFound:
    passes = passes_of(config, classes)
    seconds = look.forward_seconds, look.gradient_seconds
    total = cpu_seconds(passes, sample.data.count, *seconds) if passes and sample else None
    return CostFound(
        forward_seconds=look.forward_seconds,
        gradient_seconds=look.gradient_seconds,
        batch_size=config.batch_size,
        attack=config.attack,
        forward_passes=passes.forward if passes else None,
        backward_passes=passes.backward if passes else None,
        cpu_seconds=total,
    )


def _command(model: ModelFound, best: Reading | None, name: str, given: list[str], *, with_data: bool) -> str:
    """``run`` with the best reading, or ``inspect`` with images, which are still to be named."""
    bounds = [f"{bound:g}" for bound in model.bounds]
    reading = ["--bounds", *bounds] if model.bounds_from != "default" else []
    if model.preprocess != "none":
        reading += ["--preprocess", model.preprocess]
    line = shlex.join([*given, *(best.options if best else reading)])
    if with_data:
        return f"advshard run --model {shlex.quote(name)} {line}".strip()
    return f"advshard inspect {shlex.quote(name)} --data DATA {line}".strip()
