"""``run``: a distributed attack from Python."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike

from advshard.inputs import image_source, model_file
from advshard.result import RunResult
from core.datasets.source import ReadOptions
from core.image.pixels import Bounds, Preprocess
from core.run.value import Scalar
from core.runtime.settings import DEFAULT_QUEUE, settings
from orchestrator.options import modules_to_import, trusted
from orchestrator.planning.plan import plan
from orchestrator.planning.precision import Wanted
from orchestrator.planning.request import DEFAULT_FALLBACK, Request


def run(  # noqa: PLR0913 - each but four is a keyword with a default, as in the command
    model: Any,
    images: ArrayLike | str | os.PathLike[str],
    labels: ArrayLike | None = None,
    attack: str = Request.attack,
    *,
    eps: float | None = None,
    shards: int = Request.shards,
    workers: int | None = None,
    store: str | None = None,
    broker: str | None = None,
    move_from: Literal["predicted", "true"] = "predicted",
    target: int | str | None = None,
    fallback: str | None = DEFAULT_FALLBACK,
    bounds: Bounds | None = None,
    preprocess: Preprocess = "none",
    read: ReadOptions | None = None,
    classes: Sequence[str] = (),
    limit: int | None = None,
    sample: int | None = None,
    seed: int = Request.seed,
    precision: Wanted = "float32",
    trust_model: bool = False,
    imports: Sequence[str] = (),
    flower: bool = False,
    queue: str = DEFAULT_QUEUE,
    **hyper_parameters: Scalar,
) -> RunResult:
    """Attack an image set in shards on Celery workers, and wait for the result.

    The same call finds its unfinished run in the store and goes on with it. Progress is shown on standard error.

    Args:
        model: a keras.Model, the name of a shipped model, or the path of a Keras file. Output (N, classes).
        images: (N, H, W, C), or (N, H, W) for grey images: integers in 0..255, bool or floats in ``bounds``; or the
            name, path or URL of an image set.
        labels: of an array of images: (N,) class numbers or names, or one-hot rows. Without them, the report has no
            accuracies.
        attack: a registered attack, or several as ``"a,b"``: each next one gets the images that are unbroken.
        eps: largest change in the attack's norm, in the units of the bounds.
        shards: number of shards.
        workers: worker processes on this machine, one per core by default. Not used with a broker.
        store: folder or fsspec URL of the runs; by default ``ADVSHARD_STORE``, or ``runs``.
        broker: URL of a Redis or Valkey server with workers on it; by default ``ADVSHARD_BROKER_URL``, or else a
            private server and workers that end with this call.
        move_from: what an attack moves images away from, the clean prediction or the true label, which needs labels.
        target: class that images are to be predicted as, or ``"least-likely"`` or ``"random"``.
        fallback: attack for the images that a gradient attack leaves unchanged; None for none.
        bounds: lowest and highest pixel value that the model expects; by default what its first layers say, or else
            0 and 1.
        preprocess: Keras's preprocessing between pixels and model: ``"tf"``, ``"torch"``, ``"caffe"`` or ``"none"``.
        read: how to read a set that is given by its name, path or URL.
        classes: the model's class names in the order of its outputs, to match those of the set with.
        limit: attack the first images alone.
        sample: attack this many images, drawn by the seed from each class in proportion.
        seed: of everything random.
        precision: of gradients; float32 decides every prediction. ``"auto"``: bfloat16 where processor and model gain.
        trust_model: whether code in the model's file, such as a Lambda layer, may run.
        imports: modules or .py files with layers of your own, imported before the model; needs ``trust_model``.
        flower: whether Flower shows the run while it goes on.
        queue: name of a queue, for workers that consume it.
        **hyper_parameters: of the attack, such as ``steps=20``; ``advshard attacks`` lists them.

    Returns:
        The result; ``result.report.complete`` is False if shards had to be quarantined.

    Raises:
        InputError: something given can't be used; nothing was sent.
        IncompleteError: the run could not be finished. What is finished stays in the store.
    """
    from orchestrator.execution.execute import execute

    params = dict(hyper_parameters)
    if eps is not None:
        params["epsilon"] = eps
    given = image_source(images, labels, read)
    with model_file(model) as file:
        request = Request(
            store=store or settings().store,
            model=file,
            shards=shards,
            classes=tuple(classes),
            limit=limit,
            sample=sample,
            attack=attack,
            fallback=fallback,
            target=None if target is None else str(target),
            params=params,
            labels=move_from,
            bounds=bounds,
            preprocess=preprocess,
            seed=seed,
            precision=precision,
            elsewhere=settings().broker(broker) is not None,
            trust_model=trusted(trust_model),
            imports=modules_to_import(imports, trust_model=trusted(trust_model)),
        )
        planned = plan(request, given)
    report = execute(
        planned,
        settings().broker(broker),
        workers,
        flower=flower,
        queue=queue,
        trust_model=request.trust_model,
        imports=request.imports,
    )
    return RunResult(planned, report)
