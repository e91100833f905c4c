"""The one-pixel attack on the shipped models, and against other libraries that offer it.

CPU seconds of the attack alone, in one thread. Our model judges all images: the prediction has changed, no more
pixels than allowed are changed, all values are in 0..1.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from bench.harness import turns
from bench.harness.entrants import PEERS_PYTHON, check_peers
from bench.harness.results import Result, Statistic, Table
from bench.harness.session import classifier_of
from bench.harness.task import Task
from core.attacks.base import Examples
from core.attacks.one_pixel import OnePixel
from core.datasets.fashion_mnist import FashionMnist
from core.image.pixels import Images, to_float
from core.models.files.card import ZOO
from core.models.inference.classifier import KerasClassifier, predict

IMAGES, PAPER_IMAGES, PEER_IMAGES, ART_IMAGES = 1000, 100, 100, 30
PIXELS = (1, 3, 5)
BLACK_BOX = {"seeded": 0.0, "crossover": 1.0}  # as in the paper
PAPER = OnePixel(population=400, generations=100).model_copy(update=BLACK_BOX)
ART, TORCHATTACKS = "ART", "torchattacks"


@dataclass(frozen=True)
class Row:
    """One attack: whose it is, its setting, the number of images, success, and CPU seconds an image."""

    who: str
    setting: OnePixel
    images: int
    success: float
    seconds: float

    def cells(self) -> list[str]:
        """As text."""
        return [
            self.who, str(self.setting.pixels), f"{self.setting.population} x {self.setting.generations}",
            str(self.images), f"{self.success:.3f}", f"{self.seconds * 1000:.1f}", f"{1 / self.seconds:.1f}",
        ]  # fmt: skip


COLUMNS = ["", "pixels", "population x generations", "images", "success", "CPU ms an image", "images a CPU s"]


@cache
def model(name: str) -> KerasClassifier:
    """A shipped model, warm."""
    classifier = classifier_of(ZOO / f"{name}.keras")
    OnePixel(generations=1).run(classifier, examples(classifier, 2 * classifier.batch_size))
    return classifier


def examples(classifier: KerasClassifier, count: int) -> Examples:
    """The first test images; labels are the clean predictions."""
    images = to_float(FashionMnist().load().images[:count], (0.0, 1.0))
    return Examples(images, predict(classifier, images), np.arange(count), levels=255)


def judged(data: Examples, attacked: Images, pixels: int) -> float:
    """The success rate; raises RuntimeError where the images are invalid."""
    changed = (attacked != data.images).any(axis=3).sum(axis=(1, 2)).max()
    if attacked.shape != data.images.shape or changed > pixels or not (0 <= attacked.min() <= attacked.max() <= 1):
        raise RuntimeError(f"expected at most {pixels} changed pixels in 0..1, got {changed}")
    return float(data.reached(predict(model("cnn"), attacked)).mean())


def ours(who: str, attack: OnePixel, data: Examples, name: str = "cnn") -> Row:
    """Run our attack on these images."""
    classifier = model(name)
    began = time.process_time()
    attacked = attack.run(classifier, data).images
    seconds = time.process_time() - began
    success = float(data.reached(predict(classifier, attacked)).mean())
    return Row(who, attack, len(attacked), success, seconds / len(attacked))


def theirs(who: str, setting: OnePixel, data: Examples) -> Row:
    """Run a library's attack on these images, the first of the test set, with the same weights."""
    count = len(data.images)
    with tempfile.TemporaryDirectory() as scratch:
        task, out = Task(Path(scratch)), Path(scratch) / "out.npy"
        turns.run([sys.executable, "-m", "bench.harness.task", scratch, "--images", str(count)])
        (task.folder / "one_pixel.json").write_text(setting.model_dump_json())
        script = f"bench.peers.one_pixel_{who.lower()}"
        said = turns.run([str(PEERS_PYTHON), "-m", script, scratch, str(out), "--threads", "1"]).said
        success = judged(data, np.load(out), setting.pixels)
    return Row(who, setting, count, success, said["cpu_seconds"] / count)


def shipped(*, quick: bool) -> Result:
    """Both shipped models, with the default and the paper's setting."""
    rows = []
    for name in ("cnn", "mlp"):
        data = examples(model(name), 50 if quick else IMAGES)
        few = data.take(np.arange(10 if quick else PAPER_IMAGES))
        rows += [ours(f"{name}, default", OnePixel(pixels=pixels), data, name) for pixels in PIXELS]
        rows += [ours(f"{name}, the paper's", PAPER.model_copy(update={"pixels": 1}), few, name)]
        rows += [ours(f"{name}, default, the same images", OnePixel(), few, name)]
    return Result(
        name="one-pixel-shipped",
        title="One-pixel attack: the shipped models",
        command="python -m bench one-pixel-shipped",
        tables=[Table(columns=COLUMNS, rows=[row.cells() for row in rows])],
        notes=[
            "The first test images of Fashion-MNIST; labels = clean predictions. The paper's setting, a black box "
            "without gradients and crossover, has the same early stop and the same cache of evaluated candidates."
        ],
    )


def peers(*, quick: bool) -> Result:
    """ART and torchattacks, with their defaults and equal budgets; ours without the gradient, and by default."""
    check_peers()
    data = examples(model("cnn"), 10 if quick else PEER_IMAGES)
    few = data.take(np.arange(2 if quick else ART_IMAGES))
    cells, statistics = [], []
    for who, pixels, population, generations, chosen in (
        (TORCHATTACKS, 1, 9, 10, data),
        (TORCHATTACKS, 1, 99, 30, data),
        (TORCHATTACKS, 3, 99, 30, data),
        (ART, 1, 399, 100, few),
    ):
        same = OnePixel(pixels=pixels, population=population, generations=generations)
        peer = theirs(who, same, chosen)
        rows = {
            "same budget": ours("ours, same budget", same, chosen),
            "as a black box": ours("ours, as a black box", same.model_copy(update=BLACK_BOX), chosen),
            "default": ours("ours, default", OnePixel(pixels=pixels), chosen),
        }
        cells += [[*row.cells(), f"{peer.seconds / row.seconds:.1f}"] for row in (peer, *rows.values())]
        where = f"{who}, {pixels} px, {population} x {generations}"
        for how, row in rows.items():
            statistics += [
                Statistic(
                    what=f"{where}: its CPU time as a multiple of ours, {how}",
                    value=peer.seconds / row.seconds,
                ),
                Statistic(what=f"{where}: our success minus its, {how}", value=row.success - peer.success),
            ]
    return Result(
        name="one-pixel-peers",
        title="One-pixel attack: against the libraries",
        command="python -m bench one-pixel-peers",
        tables=[Table(columns=[*COLUMNS, "times as fast as the library"], rows=cells)],
        statistics=statistics,
        notes=[
            "The shipped `cnn`, the same weights in all (the logits are compared first), one thread each, the same "
            "images and labels. torchattacks' default is 10 generations with a population of 10, which it reduces to "
            "9; ART's is 100 generations with a population of 400, which it reduces to 399. Both use best/1 with a "
            "random weight of 0.5 to 1 and check for success once per generation, in the best member."
        ],
    )
