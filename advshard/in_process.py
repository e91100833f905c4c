"""``attack``: adversarial examples of a few images in this process."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advshard.inputs import check_model, image_source
from core.datasets.conversion.in_memory import load_image_set
from core.datasets.conversion.labels import Labels, in_model_order
from core.datasets.conversion.normalise import image_shape
from core.image.pixels import Bounds, Preprocess
from core.models.files.card import resolve
from core.models.files.loading import load_model
from core.models.files.operations import count_operations
from core.models.files.pixel_bounds import pixel_bounds
from core.models.inference.batch_invariance import settle
from core.models.inference.classifier import KerasClassifier
from core.models.inference.preprocessing import Preprocessing
from core.models.inference.shapes import read_shapes
from core.run.manifest import StageConfig
from core.run.value import Scalar
from core.runtime.asset import Asset
from core.runtime.bfloat16 import bfloat16_instructions
from core.shard.cascade import run_stages, stages_of
from core.shard.examples import examples_of
from orchestrator.planning.inputs import with_assets
from orchestrator.planning.precision import Wanted, choose_precision
from orchestrator.planning.request import DEFAULT_FALLBACK, Request
from orchestrator.planning.validate import check_target, default_batch_size, run_config


def attack(  # noqa: PLR0913 - each but four is a keyword with a default
    model: Any,
    images: ArrayLike | str | os.PathLike[str],
    labels: ArrayLike | None = None,
    name: str = Request.attack,
    *,
    eps: float | None = None,
    target: int | str | None = None,
    fallback: str | None = DEFAULT_FALLBACK,
    bounds: Bounds | None = None,
    preprocess: Preprocess = "none",
    seed: int = Request.seed,
    precision: Wanted = "float32",
    **hyper_parameters: Scalar,
) -> NDArray[np.float32]:
    """Attack images in this process, without workers, store or report.

    Keras's session, the garbage collector and TensorFlow's thread settings stay as they are. With other threads
    than a worker's one, the last bits can differ from those of ``run``.

    Args:
        model: a keras.Model, the name of a shipped model, or the path of a Keras file. Output (N, classes).
        images: (N, H, W, C), or (N, H, W) for grey images: integers in 0..255, bool or floats in ``bounds``; or the
            name, path or URL of an image set.
        labels: (N,) class that each image is moved away from; by default the model's prediction. Not with a target.
        name: a registered attack, or several as ``"a,b"``.
        eps: largest change in the attack's norm, in the units of the bounds.
        target: class that images are to be predicted as, or ``"least-likely"`` or ``"random"``.
        fallback: attack for the images that a gradient attack leaves unchanged; None for none.
        bounds: lowest and highest pixel value that the model expects; by default what its first layers say, or else
            0 and 1.
        preprocess: Keras's preprocessing between pixels and model: ``"tf"``, ``"torch"``, ``"caffe"`` or ``"none"``.
        seed: of everything random.
        precision: of gradients; float32 decides every prediction. ``"auto"``: bfloat16 where processor and model gain.
        **hyper_parameters: of the attack, such as ``steps=20``.

    Returns:
        The adversarial images (N, H, W, C), float32 within the bounds, failures as the attack left them.

    Raises:
        InputError: something given can't be used.

    Example:
        >>> import numpy as np, keras
        >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
        >>> adversarial = attack(model, np.zeros((2, 4, 4, 1), np.float32), eps=0.1)
        >>> adversarial.shape
        (2, 4, 4, 1)
    """
    source = image_source(images, labels)
    params = dict(hyper_parameters)
    if eps is not None:
        params["epsilon"] = eps
    request = Request(
        store="",
        attack=name,
        fallback=fallback,
        target=None if target is None else str(target),
        params=params,
        labels="predicted" if labels is None else "true",
        bounds=bounds,
        preprocess=preprocess,
        seed=seed,
    )
    run_config(request)  # refuses what can be refused before a model is loaded
    found = image_shape(source, np.arange(source.count))
    known_as, loaded = _model(model, found)
    said = pixel_bounds(loaded)
    config = run_config(request, said)
    channels = read_shapes(loaded, found, other_channels=True).image_shape[2]
    given = load_image_set(source, config.bounds, channels=channels, stated=bool(bounds or said))
    shape: tuple[int, int, int] = given.images.shape[1:]
    before = Preprocessing(preprocess, config.bounds)
    chosen, _ = choose_precision(precision, config, count_operations(loaded), bfloat16_instructions(), elsewhere=False)
    classifier = settle(
        lambda size: KerasClassifier(loaded, shape, size, before, chosen), default_batch_size(shape), shape
    )
    check_target(config, classifier.classes)
    in_model_order(given.name, Labels(given.labels, given.class_names), classifier.classes)
    config, inputs = with_assets(config, given, known_as)
    indices = np.arange(len(given.images), dtype=np.int64)
    examples, predictions = examples_of(config, classifier, given.images, given.labels, indices)
    with tempfile.TemporaryDirectory() as folder:
        for each in inputs:
            with (Path(folder) / each.blob.name).open("wb") as file:
                file.writelines(each.pieces())

        def assets_of(stage: StageConfig) -> dict[str, Asset]:
            return {key: Asset(blob.sha256, Path(folder) / blob.name) for key, blob in stage.assets.items()}

        return run_stages(stages_of(config, assets_of), classifier, examples, predictions).images


def _model(model: Any, shape: tuple[int, int, int]) -> tuple[str, Any]:
    if isinstance(model, str | os.PathLike):
        name, path, _ = resolve(os.fspath(model), shape)
        return name, load_model(path)
    check_model(model)
    return str(model.name), model
