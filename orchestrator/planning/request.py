"""What the user asks for, and the default of everything that can be left out."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.image.pixels import Preprocess
from core.registry import DEFAULT_DATASET, DEFAULT_MODEL
from core.run.value import Scalar

DEFAULT_FALLBACK = "the attack's"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A run as the user describes it. The defaults of ``run``'s options are these.

    Args:
        store: folder or fsspec URL of the runs.
        data: a registered data set, or an .npz file.
        model: a shipped model, or a Keras file.
        shards: number of shards; at most one for each image is made.
        limit: number of images to attack, the first ones; all if None.
        attack: a registered attack, or several as ``a,b``.
        fallback: attack for the images that the first attack leaves unchanged; None for no fallback.
        target: class, or rule of core.shard.targets, that images are to be predicted as.
        params: the hyper-parameters that are not to have the attack's own defaults.
        labels: what an attack moves away from, the prediction (``predicted``) or the label of the set (``true``).
        bounds: lowest and highest pixel value that the model expects.
        preprocess: Keras's preprocessing between pixels and model.
        seed: of everything random.
        batch_size: images in a pass through the model; chosen by their size if None.
        max_attempts: failed attempts before a shard is quarantined.
        time_limit: seconds for one attempt.
        shards_per_task: shards that a task takes together; chosen by their size if None.
        trust_model: whether code in the model's file may run while it is inspected. It is not kept in the run.
        imports: modules that are imported before the model is inspected, if it is trusted. Not kept in the run either.
    """

    store: str
    data: str = DEFAULT_DATASET
    model: str = DEFAULT_MODEL
    shards: int = 64
    limit: int | None = None
    attack: str = "mifgsm"
    fallback: str | None = DEFAULT_FALLBACK
    target: str | None = None
    params: dict[str, Scalar] = field(default_factory=dict)
    labels: str = "predicted"
    bounds: tuple[float, float] = (0.0, 1.0)
    preprocess: Preprocess = "none"
    seed: int = 0
    batch_size: int | None = None
    max_attempts: int = 3
    time_limit: float = 3600.0
    shards_per_task: int | None = None
    trust_model: bool = False
    imports: tuple[str, ...] = ()
