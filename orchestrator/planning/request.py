"""What the user asks for, and the default of everything that can be left out."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.datasets.source import ReadOptions
from core.image.pixels import Preprocess
from core.registry import DEFAULT_DATASET, DEFAULT_MODEL
from core.run.value import Scalar

DEFAULT_FALLBACK = "the attack's"
UNIT = (0.0, 1.0)


class OfRange(float):
    """A hyper-parameter as a fraction of the pixel range, such as the 8/255 of ``--eps 8/255``."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A run as the user describes it. The defaults of ``run``'s options are these.

    Args:
        store: folder or fsspec URL of the runs.
        data: a registered data set, or what core.datasets.location.Location.of takes.
        read: how to read it.
        classes: the model's class names in the order of its outputs, if the user gives them.
        model: a shipped model, or a Keras file.
        shards: number of shards; at most one for each image is made.
        limit: number of images to attack, the first ones; all if None.
        sample: number of images to attack, drawn by the seed from each class in proportion; all if None.
        attack: a registered attack, or several as ``a,b``.
        fallback: attack for the images that the first attack leaves unchanged; None for no fallback.
        target: class, or rule of core.shard.targets, that images are to be predicted as.
        params: the hyper-parameters that are not to have the attack's own defaults, in units of the bounds or OfRange.
        labels: what an attack moves away from, the prediction (``predicted``) or the label of the set (``true``).
        bounds: lowest and highest pixel value that the model expects; what its first layers say, or else 0 and 1, if
            None.
        preprocess: Keras's preprocessing between pixels and model.
        seed: of everything random.
        batch_size: images in a pass through the model; chosen by their size if None.
        precision: of gradients: float32, bfloat16, or auto for what gains on this machine.
        elsewhere: whether workers of a broker compute, whose processors are unknown.
        max_attempts: failed attempts before a shard is quarantined.
        time_limit: seconds for one attempt.
        shards_per_task: shards that a task takes together; chosen by their size if None.
        trust_model: whether code in the model's file may run while it is inspected. It is not kept in the run.
        imports: modules that are imported before the model is inspected, if it is trusted. Not kept in the run either.
    """

    store: str
    data: str = DEFAULT_DATASET
    read: ReadOptions = field(default_factory=ReadOptions)
    classes: tuple[str, ...] = ()
    model: str = DEFAULT_MODEL
    shards: int = 64
    limit: int | None = None
    sample: int | None = None
    attack: str = "mifgsm"
    fallback: str | None = DEFAULT_FALLBACK
    target: str | None = None
    params: dict[str, Scalar] = field(default_factory=dict)
    labels: str = "predicted"
    bounds: tuple[float, float] | None = None
    preprocess: Preprocess = "none"
    seed: int = 0
    batch_size: int | None = None
    precision: str = "float32"
    elsewhere: bool = False
    max_attempts: int = 3
    time_limit: float = 3600.0
    shards_per_task: int | None = None
    trust_model: bool = False
    imports: tuple[str, ...] = ()
