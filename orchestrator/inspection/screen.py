"""What was inspected as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from core.attacks.base import Passes
from core.gates.one_class import class_text
from orchestrator.inspection.found import CostFound, DataFound, Inspection, ModelFound, SampleFound
from orchestrator.report.cost import cost_text

_WIDTH = 14  # of the titles
_CLASSES, _NAMES = 12, 10  # shown
_OUTPUTS = {
    "logits": "logits",
    "softmax removed": "a softmax, which is removed to attack the logits",
    "probabilities": "probabilities whose last activation can't be removed",
    "one sigmoid": "one sigmoid, which is removed: two classes",
    "one logit": "one logit: two classes",
}


def screen(found: Inspection) -> str:
    """The whole text, warnings first."""
    lines = [f"WARNING, {each}" for each in found.warnings]
    titled = [*_model(found.model), *(_data(found.data) if found.data else ())]
    if found.sample and found.data:
        titled += _sample(found.sample, found.data)
    titled += _cost(found.cost, found.data)
    lines += [f"{title:{_WIDTH}}{text}".rstrip() for title, text in titled]
    return "\n".join([*lines, "", found.command])


def _model(model: ModelFound) -> Iterator[tuple[str, str]]:
    weights = f", {model.parameters:,} weights" if model.parameters is not None else ""
    yield "model", f"{model.name}: {model.bytes / 1e6:.2f} MB{weights}"
    height, width, channels = ("any" if each is None else str(each) for each in model.input_shape or model.image_shape)
    order = "channels first" if model.channels_first else "channels last"
    yield "  input", f"{height} x {width} x {channels} (height, width, channels), {order}"
    yield "  output", f"{model.classes} classes, {_OUTPUTS[model.output]}"
    if model.class_names:
        yield "  classes", _names(model.class_names)
    origin = {"given": "as given", "first layers": "by the model's first layers", "default": "the default"}
    yield "  pixels", f"{model.bounds[0]:g}..{model.bounds[1]:g}, {origin[model.bounds_from]}"
    family = f" (architecture: {model.architecture})" if model.architecture else ""
    yield "  preprocess", f"{model.preprocess}{family}"
    yield from (("  note", note) for note in model.notes)


def _data(data: DataFound) -> Iterator[tuple[str, str]]:
    part = "" if data.count == data.in_source else f" of {data.in_source:,}"
    yield "data", f"{data.name}: {data.count:,}{part} images"
    shape = " x ".join(map(str, data.shape))
    yield "  pixels", f"{shape}, {data.dtype}, {data.range[0]:g} to {data.range[1]:g} in the sample"
    yield "  labels", "one for each image" if data.labelled else "none"
    if data.class_names:
        yield "  classes", _names(data.class_names)
    yield from (("  note", note) for note in data.notes)
    if data.broken:
        first = data.broken[0]
        yield "  left out", f"{len(data.broken)} broken in the sample; the first is {first.name}: {first.reason}"


def _sample(sample: SampleFound, data: DataFound) -> Iterator[tuple[str, str]]:
    accuracy = "" if sample.clean_accuracy is None else f", clean accuracy {sample.clean_accuracy:.4f}"
    yield "sample", f"{sample.images} images{accuracy}"
    labelled = sample.labelled or {}
    classes = sorted({*labelled, *sample.predicted}, key=lambda each: (-sample.predicted.get(each, 0), each))
    for place, each in enumerate(classes[:_CLASSES]):
        label = f"{labelled.get(each, 0):>5} labels, " if sample.labelled is not None else ""
        text = f"{label}{sample.predicted.get(each, 0):>5} predictions  {class_text(each, data.class_names)}"
        yield ("  by class" if place == 0 else "", text)
    if len(classes) > _CLASSES:
        yield "", f"and {len(classes) - _CLASSES} more classes"
    for other in sample.others:
        right = "" if other.accuracy is None else f"clean accuracy {other.accuracy:.2f}, "
        share = f"{other.largest_share:.0%} in the most frequent class"
        yield "  tried", f"{' '.join(other.options)}: {right}{share}, on {other.images} images"


def _cost(cost: CostFound, data: DataFound | None) -> Iterator[tuple[str, str]]:
    forward, gradient = (f"{1000 * each:.2g} ms" for each in (cost.forward_seconds, cost.gradient_seconds))
    yield "cost", f"{forward} of CPU time for a forward pass of an image, {gradient} with its gradient"
    if data is not None:
        known = cost.forward_passes is not None and cost.backward_passes is not None
        passes = Passes(cost.forward_passes or 0, cost.backward_passes or 0) if known else None
        seconds = (cost.forward_seconds, cost.gradient_seconds)
        yield f"  {cost.attack}", cost_text(passes, data.count, seconds, None)


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_NAMES])
    return shown if len(names) <= _NAMES else f"{shown}, ... ({len(names)} in all)"
