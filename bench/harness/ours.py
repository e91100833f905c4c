"""Our MI-FGSM on a task, as the peers' scripts run theirs: ``python -m bench.harness.ours TASK OUT``.

With ``--processes 2``, each of two processes attacks half of the images, as a run does on two cores.
"""

from __future__ import annotations

import itertools
import json
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np

from bench.harness.session import classifier_of
from bench.harness.task import Task
from core.attacks.base import Examples
from core.attacks.mifgsm import MIFGSM
from core.image.pixels import Images
from core.models.inference.classifier import KerasClassifier

_PACKAGES = ("tensorflow", "keras", "numpy")
_state: dict[str, tuple[KerasClassifier, MIFGSM, Examples]] = {}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--early-stop/--no-early-stop", default=True)
@click.option("--step-back", type=int, default=6)
@click.option("--processes", type=int, default=1)
def main(*, folder: Path, out: Path, early_stop: bool, step_back: int, processes: int) -> None:
    """Attack the images of a task against the clock."""
    began = time.perf_counter()
    count = len(Task(folder).labels())
    edges = [count * part // processes for part in range(processes + 1)]
    attack = MIFGSM(early_stop=early_stop, step_back=step_back)
    # A pool for each part, so that each process is warm and gets its own part.
    pools = [ProcessPoolExecutor(1, get_context("spawn")) for _ in range(processes)]
    parts = list(itertools.pairwise(edges))
    ready = [pool.submit(_load, folder, attack, *part) for pool, part in zip(pools, parts, strict=True)]
    batches = [each.result() for each in ready]
    loaded = time.perf_counter()
    for warm in [pool.submit(_warm_up) for pool in pools]:
        warm.result()
    started = time.perf_counter()
    done = [each.result() for each in [pool.submit(_attack) for pool in pools]]
    wall = time.perf_counter() - started
    np.save(out, np.concatenate([images for images, _ in done]))
    for pool in pools:
        pool.shutdown()
    said = {
        "seconds": wall,
        "cpu_seconds": sum(cpu for _, cpu in done),
        "load_seconds": loaded - began,
        "batch": batches[0],
        "peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,  # the largest process
        "versions": {package: version(package) for package in _PACKAGES},
    }
    print(json.dumps(said))


def _load(folder: Path, attack: MIFGSM, start: int, stop: int) -> int:
    task = Task(folder)
    classifier = classifier_of(task.model)
    rows = np.arange(start, stop)
    # 255 levels: the images were 8-bit ones.
    examples = Examples(task.images()[rows], task.labels()[rows], rows, levels=255)
    _state["loaded"] = classifier, attack, examples
    return classifier.batch_size


def _warm_up() -> None:
    classifier, attack, examples = _state["loaded"]
    attack.run(classifier, examples.take(np.arange(min(classifier.batch_size, len(examples.labels)))))


def _attack() -> tuple[Images, float]:
    classifier, attack, examples = _state["loaded"]
    began = time.process_time()
    return attack.run(classifier, examples).images, time.process_time() - began


if __name__ == "__main__":
    main()
