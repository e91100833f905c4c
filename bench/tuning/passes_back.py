"""How many forward passes stepping back takes: at points estimated from the margins, and with bisection."""

from __future__ import annotations

from unittest import mock

import click
import numpy as np

from bench.harness.session import classifier_of
from bench.tuning.held_out import held_out
from core.attacks.base import Examples
from core.attacks.boundary import step_back
from core.attacks.mifgsm import MIFGSM
from core.models.files.card import ZOO
from core.models.inference.classifier import KerasClassifier


def passes_back(classifier: KerasClassifier, examples: Examples) -> tuple[float, float]:
    """Forward passes for each flipped image: at points estimated from the margins, and with bisection."""
    attack = MIFGSM()
    far = attack.model_copy(update={"step_back": 0}).run(classifier, examples).images
    logits = classifier.logits(far)
    rows = np.flatnonzero(examples.reached(logits.argmax(axis=1)))
    examples, far = examples.take(rows), far[rows]
    margins = np.stack([examples.margins(classifier.logits(examples.images)), examples.margins(logits[rows])])

    def passes() -> float:
        found = step_back.step_back(classifier, examples, far, attack.step_back, margins)
        return float(found.forward_passes.mean())

    estimated = passes()
    with mock.patch.object(step_back, "_next", lambda ends, _: ends.sum(axis=0) // 2):
        return estimated, passes()


@click.command()
@click.option("--images", default=1000, show_default=True, help="Held-out training images.")
def main(images: int) -> None:
    """Print the forward passes for each flipped image that stepping back takes, beside those of bisection."""
    classifier = classifier_of(ZOO / "cnn.keras")
    estimated, bisected = passes_back(classifier, held_out(images, classifier))
    click.echo(f"forward passes for each flipped image: {estimated:.2f}, with bisection {bisected:.2f}")
