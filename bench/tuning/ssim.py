"""What the attack ssim reaches on held-out training images, beside DeepFool.

python -m bench tune-ssim            # about 2 minutes; prints the table
python -m bench tune-ssim cnn my.keras
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np

from bench.harness.session import classifier_of
from bench.tuning.held_out import held_out
from core.attacks.base import Attack
from core.attacks.deepfool import DeepFool
from core.attacks.ssim import LeastSsimLoss
from core.metrics.ssim import both
from core.models.files.card import ZOO
from core.models.inference.classifier import predict

ATTACKS: dict[str, Attack] = {
    "ssim, 10 steps": LeastSsimLoss(steps=10),
    "ssim": LeastSsimLoss(),
    "ssim, 100 steps": LeastSsimLoss(steps=100),
    "deepfool": DeepFool(),
}


@click.command()
@click.option("--images", default=300, show_default=True, help="Held-out training images.")
@click.argument("models", nargs=-1)
def main(images: int, models: tuple[str, ...]) -> None:
    """Print success, mean SSIM of the images that flip, passes and CPU for each attack and model.

    MODELS are shipped models or Keras files; cnn and mlp if none is given.
    """
    click.echo("| model | attack | success | ssim_full | ssim | L2 | forward passes | CPU ms an image |")
    click.echo("|---|---|---|---|---|---|---|---|")
    for model in models or ("cnn", "mlp"):
        file = ZOO / f"{model}.keras" if not model.endswith(".keras") else Path(model)
        classifier = classifier_of(file)
        examples = held_out(images, classifier)
        for name, attack in ATTACKS.items():
            attack.run(classifier, examples.take(np.arange(1)))  # traces the graphs
            began = time.process_time()
            found = attack.run(classifier, examples)
            spent = 1000 * (time.process_time() - began) / len(examples.images)
            flips = predict(classifier, found.images) != examples.labels
            ssim = both(examples.images, found.images, examples.bounds)
            change = (found.images - examples.images).reshape(len(flips), -1)[flips]
            click.echo(
                f"| {file.stem} | {name} | {flips.mean():.3f} | {ssim['ssim_full'][flips].mean():.4f} "
                f"| {ssim['ssim'][flips].mean():.4f} | {np.linalg.norm(change, axis=1).mean():.2f} "
                f"| {found.forward_passes.mean():.0f} | {spent:.1f} |",
            )
