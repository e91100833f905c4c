"""advGAN beside MI-FGSM at the same epsilon, each shipped generator against each shipped model."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace

import numpy as np

from bench.harness.results import Result, Table
from bench.harness.session import SHAPE, classifier_of
from core.attacks.advgan import AdvGAN
from core.attacks.base import Attack, Examples
from core.attacks.mifgsm import MIFGSM
from core.datasets.fashion_mnist import FashionMnist
from core.image.pixels import to_float, to_uint8
from core.metrics.ssim import Ssim
from core.models.advgan.card import find_generator
from core.models.files.card import ZOO
from core.models.inference.classifier import KerasClassifier, predict
from core.runtime.asset import Asset

UNIT = (0.0, 1.0)
MODELS = ("cnn", "mlp")
STEP_BACKS = (0, 6)
COLUMNS = ["attack", "success", "after 8 bits", "SSIM, all", "CPU ms an image"]


def asset(generator: str) -> dict[str, Asset]:
    """A shipped generator as a worker has it."""
    path = find_generator(generator, SHAPE)
    return {"generator": Asset(hashlib.sha256(path.read_bytes()).hexdigest(), path)}


def row(name: str, attack: Attack, classifier: KerasClassifier, examples: Examples) -> list[str]:
    """Success, after 8 bits, SSIM over all and CPU ms an image, of one attack."""
    attack.run(classifier, examples.take(np.arange(100)))  # load and trace
    began = time.process_time()
    images = attack.run(classifier, examples).images
    seconds = time.process_time() - began
    success = (predict(classifier, images) != examples.labels).mean()
    rounded = (predict(classifier, to_float(to_uint8(images, UNIT), UNIT)) != examples.labels).mean()
    ssim = Ssim()(examples.images, images, UNIT).mean()
    return [name, f"{success:.4f}", f"{rounded:.4f}", f"{ssim:.4f}", f"{1000 * seconds / len(images):.3f}"]


def measure(*, quick: bool) -> Result:
    """Success, SSIM and CPU of both attacks, on the test images."""
    clean = to_float(FashionMnist().load().images[: 200 if quick else None], UNIT)
    tables = []
    for model in MODELS:
        classifier = classifier_of(ZOO / f"{model}.keras")
        examples = Examples(clean, predict(classifier, clean), np.arange(len(clean)), levels=255)
        rows = [row(f"`mifgsm`, step back {back}", MIFGSM(step_back=back), classifier, examples) for back in STEP_BACKS]
        for name in (f"advgan-{trained}" for trained in MODELS):
            given = replace(examples, assets=asset(name))
            rows += [
                row(f"`{name}`, step back {back}", AdvGAN(generator=name, step_back=back), classifier, given)
                for back in STEP_BACKS
            ]
        tables.append(Table(title=f"Against {model}", columns=COLUMNS, rows=rows))
    return Result(
        name="advgan",
        title="advGAN",
        command="python -m bench advgan",
        tables=tables,
        notes=[
            f"{len(clean):,} test images, labels = clean predictions, epsilon 20/255. CPU: the attack alone, in one "
            "thread, after loading and tracing; MI-FGSM needs nothing else, advGAN's generator is trained first: "
            "`advshard train --model advgan --against cnn`. A generator that was trained against one "
            "model has little effect on the other.",
        ],
    )
