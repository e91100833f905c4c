"""How the default hyper-parameters of MI-FGSM were chosen: a grid on images outside the test set.

    python -m bench tune            # prints the table and writes docs/tuning.md

The images are training images that the training of the shipped ``cnn`` held out for validation. The choice: of the
settings that flip at least 99.5% of them, the one with the highest mean SSIM to three places, and of those the one
with the smallest epsilon.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, replace

import click
from rich.progress import track

from bench.harness.page import DOCS
from bench.tuning.held_out import held_out
from bench.tuning.passes_back import passes_back
from core.attacks.base import Examples
from core.attacks.mifgsm import MIFGSM
from core.image.pixels import to_float, to_uint8
from core.metrics.ssim import Ssim
from core.models.files.card import ZOO
from core.models.files.loading import load_model
from core.models.inference.classifier import KerasClassifier, predict
from core.runtime.native_logs import quiet_native_logs
from tasks.session import load_tensorflow

UNIT = (0.0, 1.0)
EPSILONS, STEP_SIZES = (12, 16, 20, 24, 32), (1, 2, 3, 4)  # in levels of 1/255
DECAYS, STEP_BACKS = (0.25, 0.5, 0.75, 1.0), (0, 6)
ENOUGH = 0.995
BATCHES = (16, 32, 64, 128, 256)


@dataclass(frozen=True)
class Row:
    """One setting and its results."""

    attack: MIFGSM
    success: float
    success_uint8: float
    ssim: float
    ssim_success: float
    steps: float
    cpu_seconds: float


def measure(attack: MIFGSM, classifier: KerasClassifier, examples: Examples) -> Row:
    """Attack the examples with one setting."""
    began = time.process_time()
    attacked = attack.run(classifier, examples)
    seconds = time.process_time() - began
    result = attacked.images
    flipped = predict(classifier, result) != examples.labels
    rounded = predict(classifier, to_float(to_uint8(result, UNIT), UNIT)) != examples.labels
    ssim = Ssim()(examples.images, result, UNIT)
    return Row(
        attack, float(flipped.mean()), float(rounded.mean()), float(ssim.mean()), float(ssim[flipped].mean()),
        float(attacked.steps.mean()), seconds,
    )  # fmt: skip


def table(rows: list[Row]) -> list[str]:
    """The rows as Markdown."""
    lines = [
        "| epsilon x 255 | step size x 255 | decay | step back | success | after 8 bits "
        "| SSIM, all | SSIM, successes | steps | CPU s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        attack, step = row.attack, row.attack.step_lengths()[0]
        lines.append(
            f"| {attack.epsilon * 255:.0f} | {step * 255:.0f} | {attack.decay} | {attack.step_back} "
            f"| {row.success:.4f} | {row.success_uint8:.4f} | {row.ssim:.4f} | {row.ssim_success:.4f} "
            f"| {row.steps:.1f} | {row.cpu_seconds:.1f} |"
        )
    return lines


def _rank(row: Row) -> tuple[float, float]:
    return -round(row.ssim, 3), row.attack.epsilon


@click.command()
@click.option("--images", default=1000, show_default=True, help="Held-out training images.")
def main(images: int) -> None:
    """Run the grid, print the best settings and write docs/tuning.md."""
    with quiet_native_logs():
        load_tensorflow()
    loaded = load_model(ZOO / "cnn.keras")
    classifier = KerasClassifier(loaded, (28, 28, 1), 64)
    examples = held_out(images, classifier)
    measure(MIFGSM(steps=1), classifier, examples)  # warm up
    grid = list(itertools.product(EPSILONS, STEP_SIZES, DECAYS, STEP_BACKS))
    rows = [
        measure(
            MIFGSM(epsilon=epsilon / 255, step_size=step / 255, decay=decay, step_back=back, steps=10),
            classifier,
            examples,
        )
        for epsilon, step, decay, back in track(grid)
    ]
    good = sorted((row for row in rows if row.success_uint8 >= ENOUGH), key=_rank)
    default = MIFGSM()
    without = measure(default, classifier, replace(examples, levels=None))
    batches = [(size, measure(default, KerasClassifier(loaded, (28, 28, 1), size), examples)) for size in BATCHES]
    guessed, bisected = passes_back(classifier, examples)
    page = [
        "# How the defaults of MI-FGSM were chosen",
        "",
        f"`python -m bench tune --images {images}` wrote this page. {len(examples.images)} training images",
        "that the shipped `cnn` was not trained on (its training held them out), labels = clean predictions, 10",
        "iterations at most. SSIM: 11x11 Gaussian window, sigma 1.5, data range 1. CPU seconds: the attack",
        "alone, one thread.",
        "",
        f"The choice: of the settings that flip at least {ENOUGH:.1%} of the images, also after rounding to 8",
        "bits, the one with the highest mean SSIM to three places, and of those the one with the smallest",
        "epsilon. These are the best ten of them:",
        "",
        *table(good[:10]),
        "",
        "## Why whole 8-bit levels",
        "",
        "The default setting; in the second row it steps back to the smallest change, of whole levels or not.",
        "",
        *table([measure(default, classifier, examples), without]),
        "",
        f"Stepping back takes {guessed:.2f} forward passes for each flipped image; with bisection it would take",
        f"{bisected:.2f} for the same examples ([decision 15](decisions/0015-speed.md)).",
        "",
        "## Why a batch of 64",
        "",
        "The default setting at other batch sizes, CPU seconds of the attack.",
        "",
        "| batch | " + " | ".join(str(size) for size, _ in batches) + " |",
        "|---|" + "---|" * len(batches),
        "| CPU s | " + " | ".join(f"{row.cpu_seconds:.2f}" for _, row in batches) + " |",
        "",
        "## The whole grid",
        "",
        *table(rows),
    ]
    (DOCS / "tuning.md").write_text("\n".join(page) + "\n")
    click.echo("\n".join(table(good[:10])))
