"""advGAN beside MI-FGSM at the same epsilon: ``python -m bench.advgan`` prints the table.

The 10,000 test images, labels = clean predictions; each shipped generator against each shipped model,
so that it also shows what a generator does to a model that it wasn't trained against. CPU: the attack
alone, in one thread, loading and tracing left out; of MI-FGSM that is all there is to pay, of advGAN the
training comes before it.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace

import click
import numpy as np

from bench.session import SHAPE, classifier_of
from core.assets import Asset
from core.attacks.advgan import AdvGAN
from core.attacks.base import Attack, Examples
from core.attacks.mifgsm import MIFGSM
from core.datasets.fashion_mnist import FashionMnist
from core.metrics.ssim import Ssim
from core.models.advgan.card import find_generator
from core.models.card import ZOO
from core.models.classifier import KerasClassifier, predict
from core.pixels import to_float, to_uint8

UNIT = (0.0, 1.0)
MODELS = ("cnn", "mlp")
STEP_BACKS = (0, 6)


def asset(generator: str) -> dict[str, Asset]:
    """A shipped generator as a worker has it."""
    path = find_generator(generator, SHAPE)
    return {"generator": Asset(hashlib.sha256(path.read_bytes()).hexdigest(), path)}


def row(name: str, attack: Attack, classifier: KerasClassifier, examples: Examples) -> str:
    """Success, after 8 bits, SSIM over all and CPU ms an image, of one attack."""
    attack.run(classifier, examples.take(np.arange(100)))  # load and trace
    began = time.process_time()
    images = attack.run(classifier, examples).images
    seconds = time.process_time() - began
    success = (predict(classifier, images) != examples.labels).mean()
    rounded = (predict(classifier, to_float(to_uint8(images, UNIT), UNIT)) != examples.labels).mean()
    ssim = Ssim()(examples.images, images, UNIT).mean()
    return f"| {name} | {success:.4f} | {rounded:.4f} | {ssim:.4f} | {1000 * seconds / len(images):.3f} |"


@click.command()
@click.option("--images", default=10_000, show_default=True)
def main(images: int) -> None:
    """Print a table for each model."""
    clean = to_float(FashionMnist().load().images[:images], UNIT)
    for model in MODELS:
        classifier = classifier_of(ZOO / f"{model}.keras")
        examples = Examples(clean, predict(classifier, clean), np.arange(len(clean)), levels=255)
        click.echo(f"\n**{model}**, {len(clean)} test images, epsilon 20/255\n")
        click.echo("| attack | success | after 8 bits | SSIM, all | CPU ms an image |\n|---|---|---|---|---|")
        for back in STEP_BACKS:
            click.echo(row(f"mifgsm, step back {back}", MIFGSM(step_back=back), classifier, examples))
        for trained in MODELS:
            name = f"advgan-{trained}"
            given = replace(examples, assets=asset(name))
            for back in STEP_BACKS:
                attack = AdvGAN(generator=name, step_back=back)
                click.echo(row(f"{name}, step back {back}", attack, classifier, given))


if __name__ == "__main__":
    main()
