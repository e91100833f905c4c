"""What each option of ``train`` is worth on part of Fashion-MNIST, compared with the spread over seeds.

    python -m bench training        # prints each row when it is complete and writes docs/training.md

Each training has the same images, and with the same seed the same split, order and, where the layers
are the same, initial weights. So a change is compared with the base seed by seed. No test image is used. A
study that was interrupted resumes from ``docs/training.json``.
"""

from __future__ import annotations

import time

import click

from bench.harness.machine import machine
from bench.harness.page import DOCS
from bench.training.changes import CHANGES, IMAGES, SEEDS, config
from bench.training.page import page
from bench.training.results import Results, Sample
from bench.training.row import Row
from core.datasets.base import ImageSet
from core.datasets.fashion_mnist import FashionMnist
from core.models.training import TrainConfig, train
from core.runtime.native_logs import quiet_native_logs
from tasks.session import load_tensorflow


def measure(chosen: TrainConfig, images: ImageSet) -> Sample:
    """Train once."""
    began = time.process_time()
    history = train(chosen, images).history
    seconds = time.process_time() - began
    losses, accuracies = history["val_loss"], history["val_accuracy"]
    # Early stopping ends with the weights of its best epoch.
    last = losses.index(min(losses)) if chosen.early_stopping else -1
    return Sample(accuracy=accuracies[last], epochs=len(losses), cpu_seconds=seconds)


@click.command()
def main() -> None:
    """Run the trainings that are missing in docs/training.json, print the rows and write docs/training.md."""
    with quiet_native_logs():
        load_tensorflow()
    images = FashionMnist().load_train().head(IMAGES)
    results = Results(DOCS / "training.json")
    base = [_sample(config("base", seed), images, results) for seed in SEEDS]
    rows = []
    for change in CHANGES:
        samples = [_sample(config(change, seed), images, results) for seed in SEEDS]
        rows.append(Row.of(change, samples, base))
        click.echo("  ".join(rows[-1].cells()))
    (DOCS / "training.md").write_text(page(rows, machine()["processor"]))


def _sample(chosen: TrainConfig, images: ImageSet, results: Results) -> Sample:
    import keras

    found = results.get(chosen)
    if found is None:
        keras.utils.clear_session()
        found = measure(chosen, images)
        results.add(chosen, found)
    return found
