"""Small runs for the tests: made up images and a classifier that needs no TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from core.datasets.arrays import ArraySource
from core.datasets.source import Source
from core.models.inference.classifier import Classifier
from core.reduce.reduce_run import reduce_run
from core.run.manifest import Manifest, RunConfig, StageConfig
from core.run.run_store import RunStore
from core.run.work_unit import single
from core.shard.attack_shard import run_shard
from orchestrator.planning.plan import plan
from orchestrator.planning.request import Request
from tasks.session import load_tensorflow
from tests.classifiers import LinearClassifier

SHAPE = (12, 12, 1)


def save_set(path: Path, count: int = 30, shape: tuple[int, ...] = SHAPE, classes: int = 3, **more: Any) -> Path:
    """An .npz file of random 8-bit images; the fifth image is the first once more."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, *shape)).astype(np.uint8)
    if count > 4:
        images[4] = images[0]
    np.savez(path, **{"images": images, "labels": rng.integers(0, classes, count), **more})
    return path


def save_model(path: Path, shape: tuple[int, ...] = SHAPE, classes: int = 3, scale: float = 1.0) -> Path:
    """A small convolutional Keras classifier."""
    load_tensorflow()  # first, because the number of threads is set only once in a process
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(classes),
            layers.Activation("softmax"),
        ]
    )
    dense = model.layers[-2]
    dense.set_weights([scale * weight for weight in dense.get_weights()])
    model.save(path)
    return path


def linear_classifier(run: RunStore, manifest: Manifest) -> Classifier:
    """Stands in for the run's model."""
    rng = np.random.default_rng(1)
    size = int(np.prod(manifest.data.image_shape))
    weights = rng.normal(size=(manifest.model.classes, size)) / size
    return LinearClassifier(weights, batch_size=manifest.config.batch_size)


def planned(tmp_path: Path, monkeypatch: Any, shards: int = 4, **change: Any) -> RunStore:
    """A planned run whose model is never loaded: use it with ``linear_classifier``.

    With labelled=False, the images of the same file are attacked without their labels.
    """
    from core.models.files.card import ModelCard

    fake = tmp_path / "fake.keras"
    fake.write_bytes(b"PK\x03\x04 not a model")
    shape = change.pop("shape", SHAPE)
    card = ModelCard(image_shape=shape, classes=3)
    monkeypatch.setattr("orchestrator.planning.plan.resolve", lambda model, image_shape, **_: ("fake", fake, card))
    data = change.pop("data", None) or save_set(tmp_path / "set.npz", shape=shape)
    labelled = change.pop("labelled", True)
    request = Request(store=str(tmp_path / "runs"), data=str(data), model="fake", shards=shards, **change)
    return plan(request) if labelled else plan(request, without_labels(Path(data)))


def without_labels(data: Path) -> Source:
    """The images of an .npz file alone."""
    return ArraySource(str(data), np.load(data)["images"], None)


def finished(tmp_path: Path, monkeypatch: Any, **change: Any) -> RunStore:
    """A run like ``planned``, attacked and reduced with ``linear_classifier``."""
    run = planned(tmp_path, monkeypatch, **change)
    for index in range(run.manifest().shards):
        run_shard(run, single(index), linear_classifier, "w")
    reduce_run(run, linear_classifier)
    return run


def config(**params: Any) -> RunConfig:
    """A configuration of mifgsm."""
    stages = (StageConfig(attack="mifgsm", params=params),)
    return RunConfig(stages=stages, labels="predicted", bounds=(0.0, 1.0), seed=0, batch_size=64)
