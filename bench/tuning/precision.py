"""Gradients in bfloat16 against float32: quality and CPU time, on images outside the test set.

    python -m bench precision       # prints a table

The images are training images that the training of the shipped models held out for validation. Both precisions take
turns, in one process and on one thread. Predictions, SSIM and passes are what a run would report.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from bench.tuning.held_out import held_out
from core.attacks.apgd import APGD
from core.attacks.base import Attack, Examples
from core.attacks.ifgsm import IFGSM
from core.attacks.mifgsm import MIFGSM
from core.errors import ConfigError
from core.image.pixels import to_float, to_uint8
from core.metrics.ssim import Ssim
from core.models.files.card import resolve
from core.models.files.loading import load_model
from core.models.inference.batch_invariance import settle
from core.models.inference.classifier import KerasClassifier, predict
from core.models.inference.preprocessing import NO_PREPROCESSING
from core.runtime.bfloat16 import Precision, bfloat16_instructions
from core.runtime.native_logs import quiet_native_logs
from orchestrator.planning.precision import MOST_WITHOUT_KERNEL
from tasks.session import load_tensorflow

UNIT, SHAPE, BATCH = (0.0, 1.0), (28, 28, 1), 64
_COLUMNS = (
    "success", "after 8 bits", "flipped by it alone", "SSIM", "L2", "forward", "backward", "us an image"
)  # fmt: skip
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
ATTACKS: dict[str, Attack] = {
    "the default": MIFGSM(),
    "mifgsm, ten steps, no early stop": MIFGSM(early_stop=False, step_back=0),
    "mifgsm, eps 8/255": MIFGSM(epsilon=8 / 255),
    "ifgsm, 20 steps, margin": IFGSM(epsilon=8 / 255, steps=20, loss="margin"),
    "apgd-ce, eps 8/255": APGD(epsilon=8 / 255),
}


@dataclass(frozen=True)
class Quality:
    """Which images (n,) an attack flipped, also after rounding; mean SSIM and L2; passes of an image."""

    success: NDArray[np.bool_]
    success_uint8: NDArray[np.bool_]
    ssim: float
    l2: float
    forward: float
    backward: float

    @classmethod
    def of(cls, attack: Attack, classifier: KerasClassifier, examples: Examples) -> tuple[Quality, float]:
        """Attack once; the quality, and the CPU seconds of the attack alone."""
        began = time.process_time()
        found = attack.run(classifier, examples)
        seconds = time.process_time() - began
        rounded = to_float(to_uint8(found.images, UNIT), UNIT)
        return cls(
            predict(classifier, found.images) != examples.labels,
            predict(classifier, rounded) != examples.labels,
            float(Ssim()(examples.images, found.images, UNIT).mean()),
            float(np.sqrt(np.square(found.images - examples.images).sum(axis=(1, 2, 3))).mean()),
            float(found.forward_passes.mean()),
            float(found.backward_passes.mean()),
        ), seconds


def classifier_of(model: Any, precision: Precision) -> KerasClassifier:
    """A classifier with gradients of this precision, at the batch size that a run settles on."""
    return settle(lambda size: KerasClassifier(model, SHAPE, size, NO_PREPROCESSING, precision), BATCH, SHAPE)


@click.command()
@click.option("--images", default=2048, show_default=True, help="Held-out training images.")
@click.option(
    "--model",
    "models",
    multiple=True,
    default=("cnn", "mlp"),
    show_default=True,
    help="A shipped model, or a Keras file for Fashion-MNIST that was not trained on the held-out images.",
)
@click.option("--rounds", default=3, show_default=True, help="Turns of each precision.")
def main(images: int, models: tuple[str, ...], rounds: int) -> None:
    """Print quality and CPU time of both precisions."""
    if bfloat16_instructions() is None:
        raise ConfigError("a processor with avx512_bf16 or amx_bf16", "one without", "use another machine")
    with quiet_native_logs():
        load_tensorflow()
    click.echo(f"| model | attack | gradients | {' | '.join(_COLUMNS)} |")
    click.echo("|" + "---|" * (3 + len(_COLUMNS)))
    for file in models:
        _, path, card = resolve(file, SHAPE)
        name, model = path.stem, load_model(path)
        if (share := card.operations.share_without_bfloat16 if card.operations else 0) > MOST_WITHOUT_KERNEL:
            click.echo(f"auto takes float32 for {name}: {share:.1%} of its multiplications have no kernel", err=True)
        classifiers = {precision: classifier_of(model, precision) for precision in PRECISIONS}
        examples = held_out(images, classifiers["float32"])
        for title, attack in ATTACKS.items():
            for classifier in classifiers.values():
                attack.run(classifier, examples.take(np.arange(BATCH)))  # traces the graphs
            seconds: dict[Precision, list[float]] = {precision: [] for precision in PRECISIONS}
            quality = {}
            for _ in range(rounds):
                for precision, classifier in classifiers.items():
                    quality[precision], took = Quality.of(attack, classifier, examples)
                    seconds[precision].append(took)
            for precision, found in quality.items():
                (other,) = (each for key, each in quality.items() if key != precision)
                cost = statistics.median(seconds[precision]) / len(examples.images) * 1e6
                click.echo(
                    f"| {name} | {title} | {precision} | {found.success.mean():.4f} | {found.success_uint8.mean():.4f}"
                    f" | {np.count_nonzero(found.success & ~other.success)} | {found.ssim:.4f} | {found.l2:.4f}"
                    f" | {found.forward:.2f} | {found.backward:.2f} | {cost:.0f} |"
                )
