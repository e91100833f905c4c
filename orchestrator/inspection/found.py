"""What ``inspect`` finds, as it prints it in JSON."""

from __future__ import annotations

from typing import Literal

from core.image.pixels import Bounds, Preprocess
from core.inspection.readings import Reading
from core.models.inference.reading import Output
from core.run.manifest import BrokenRef
from core.run.report import Gate
from core.run.value import Value


class ModelFound(Value):
    """What was understood of the model; see ModelCard.

    Attributes:
        bytes: of its file or folder.
        parameters: number of weights; None if unknown.
        bounds_from: where the bounds are from.
        usual_preprocess: the ``--preprocess`` that models of its architecture usually need; None for none.
    """

    name: str
    bytes: int
    parameters: int | None
    image_shape: tuple[int, ...]
    input_shape: tuple[int | None, ...] | None
    channels_first: bool
    output: Output
    classes: int
    class_names: tuple[str, ...]
    bounds: Bounds
    bounds_from: Literal["given", "first layers", "default"]
    preprocess: Preprocess
    architecture: str | None
    usual_preprocess: str | None
    notes: tuple[str, ...]


class DataFound(Value):
    """What was understood of the image set, from its labels and a sample of its images.

    Attributes:
        count: images to attack.
        in_source: images in the source.
        shape: (H, W) or (H, W, C), as the format has them.
        dtype: as the format has it.
        range: lowest and highest value in the sample.
        labelled: whether it has labels.
    """

    name: str
    count: int
    in_source: int
    shape: tuple[int, ...]
    dtype: str
    range: tuple[float, float]
    labelled: bool
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    broken: tuple[BrokenRef, ...]


class SampleFound(Value):
    """What the model predicts on a sample.

    Attributes:
        images: in the sample.
        clean_accuracy: None without labels.
        labelled: number of images by label; None without labels.
        predicted: number of images by predicted class.
        others: other readings of the pixels, tried where a gate was raised.
    """

    images: int
    clean_accuracy: float | None
    labelled: dict[int, int] | None
    predicted: dict[int, int]
    gates: tuple[Gate, ...]
    others: tuple[Reading, ...]


class CostFound(Value):
    """What the suggested command costs at most.

    Attributes:
        forward_seconds: CPU time of a forward pass of an image.
        gradient_seconds: CPU time of a forward and a backward pass of an image.
        forward_passes, backward_passes: of an image, at most; None if unknown.
        cpu_seconds: of all images, at most; None without images.
    """

    forward_seconds: float
    gradient_seconds: float
    batch_size: int
    attack: str
    forward_passes: int | None
    backward_passes: int | None
    cpu_seconds: float | None


class Inspection(Value):
    """All of it. ``data`` and ``sample`` are None without an image set.

    Attributes:
        warnings: what may make a result mean nothing, and what to try.
        command: the command line to go on with.
    """

    warnings: tuple[str, ...]
    model: ModelFound
    data: DataFound | None
    sample: SampleFound | None
    cost: CostFound
    command: str
