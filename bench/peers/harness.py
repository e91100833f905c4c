"""What all scripts share: the task, the clock, and the JSON on the last line."""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

Array = Any
"""NumPy arrays; NumPy itself is imported after the number of threads is set."""

_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
_CLOSE = 1e-3  # between logits of the same weights, computed by two libraries; of other weights they differ by 1


@dataclass(frozen=True)
class Settings:
    """The attack, the same for all, and the Keras file of the model. Parameters that the attack lacks are 0."""

    model: Path
    batch: int
    steps: int
    epsilon: float = 0.0
    step_size: float = 0.0
    decay: float = 0.0
    overshoot: float = 0.0
    candidates: int = 0
    norm: str = "linf"
    architecture: str = "cnn"


@dataclass(frozen=True)
class Loaded:
    """A library with its model: logits (n, classes) and adversarial images of images (n, H, W, C) in 0..1."""

    logits: Callable[[Array], Array]
    attack: Callable[[Array, Array], Array]


def main(load: Callable[[Settings], Loaded], batch: int, packages: Sequence[str]) -> None:
    """Load, warm up, time the attack of all images, save the result and print the seconds as JSON."""
    given = _arguments(batch)
    set_threads(given.threads)
    began = time.perf_counter()
    import numpy as np

    images, labels, expected = (np.load(given.task / f"{name}.npy") for name in ("images", "labels", "logits"))
    attack = json.loads((given.task / "attack.json").read_text())
    loaded = load(Settings(given.task / "model.keras", given.batch, **attack))
    difference = float(np.abs(loaded.logits(images[: len(expected)]) - expected).max())
    if not difference < _CLOSE:
        raise SystemExit(f"expected the logits of the same weights, got a difference of {difference}")
    ready = time.perf_counter()
    # Both shapes that occur: a whole batch and the rest at the end.
    for count in {min(given.batch, len(images)), len(images) % given.batch} - {0}:
        loaded.attack(images[:count], labels[:count])

    wall, cpu = time.perf_counter(), time.process_time()
    adversarial = loaded.attack(images, labels)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    np.save(given.out, np.asarray(adversarial, np.float32))
    said = {
        "seconds": wall,
        "cpu_seconds": cpu,
        "load_seconds": ready - began,
        "logits_difference": difference,
        "batch": given.batch,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "versions": {package: version(package) for package in packages},
    }
    print(json.dumps(said))


def set_threads(count: int) -> None:
    """Before any of the libraries is imported: ``count`` threads, or with 0 each library's default."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow")
    for name in _THREADS:
        os.environ.pop(name, None)
        if count:
            os.environ[name] = str(count)


def in_batches(size: int, attack: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    """``attack``, given at most ``size`` images at a time."""
    import numpy as np

    def attack_all(images: Array, labels: Array) -> Array:
        starts = range(0, len(images), size)
        return np.concatenate([attack(images[at : at + size], labels[at : at + size]) for at in starts])

    return attack_all


def _arguments(batch: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--batch", type=int, default=batch)
    return parser.parse_args()
