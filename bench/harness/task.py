"""The task of all scripts, written into a folder: ``python -m bench.harness.task FOLDER --images 10000``.

images.npy: test images of Fashion-MNIST, or, for a model of real size, drawn ones, float32 in 0..1; labels.npy: the
model's predictions for them; logits.npy: its logits for the first ones, which a script compares with its own to check
the weights; model.keras; attack.json: the defaults of our MI-FGSM.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from bench.harness import real_models
from bench.harness.session import classifier_of
from core.attacks.mifgsm import MIFGSM
from core.datasets.fashion_mnist import FashionMnist
from core.image.pixels import Images, to_float
from core.models.files.card import ZOO
from tasks.session import load_tensorflow

_CHECKED = 256  # images whose logits are compared


@dataclass(frozen=True)
class Task:
    """A task in its folder."""

    folder: Path

    @property
    def model(self) -> Path:
        """The Keras file."""
        return self.folder / "model.keras"

    def images(self) -> Images:
        """The clean images (n, H, W, C)."""
        return np.asarray(np.load(self.folder / "images.npy"), np.float32)

    def labels(self) -> NDArray[np.int64]:
        """The class (n,) of each image that the attack must leave."""
        return np.asarray(np.load(self.folder / "labels.npy"), np.int64)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--images", "count", default=10_000, show_default=True)
@click.option("--model", type=click.Choice(("cnn", "mlp", *real_models.MODELS)), default="cnn", show_default=True)
def main(folder: Path, count: int, model: str) -> None:
    """Write a task."""
    task = Task(folder)
    if model in real_models.MODELS:
        load_tensorflow()  # with one thread, before anything is computed
        real_models.build(model).save(task.model)
        stored = real_models.images_of(count, seed=1)
    else:
        shutil.copyfile(ZOO / f"{model}.keras", task.model)
        stored = FashionMnist().load().images[:count]
    images = to_float(stored, (0.0, 1.0))
    logits = classifier_of(task.model).logits(images)
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", logits.argmax(axis=1))
    np.save(folder / "logits.npy", logits[:_CHECKED])
    attack = MIFGSM()
    plain = {
        "epsilon": attack.epsilon,
        "steps": attack.steps,
        "step_size": float(attack.step_lengths()[0]),
        "decay": attack.decay,
    }
    (folder / "attack.json").write_text(json.dumps(plain))


if __name__ == "__main__":
    main()
