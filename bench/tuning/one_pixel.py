"""How the defaults of the one-pixel attack were chosen, on images outside the test set.

    python -m bench tune-one-pixel            # about 5 minutes; prints the table

Training images that the shipped ``cnn`` was not trained on, labels = clean predictions. The paper's setting, the
default, and the default with one thing changed.
"""

from __future__ import annotations

from typing import Any

import click

from bench.sections.one_pixel import BLACK_BOX, model
from bench.sections.one_pixel import ours as measured
from bench.tuning.held_out import held_out
from core.attacks.one_pixel import OnePixel

PAPER: dict[str, Any] = {"population": 400, "generations": 100, **BLACK_BOX}
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"crossover": 1.0},
    {"seeded": 0.0},
    {"seeded": 1.0},
    {"population": 30},
    {"population": 100},
    {"generations": 60},
    {"differential_weight": 0.8},
)


@click.command()
@click.option("--images", default=120, show_default=True, help="Held-out training images.")
@click.option("--pixels", default=(1, 3), multiple=True, show_default=True, help="Pixels that may change; repeatable.")
def main(images: int, pixels: tuple[int, ...]) -> None:
    """Print success and CPU time of each setting."""
    examples = held_out(images, model("cnn"))
    click.echo("| pixels | setting | success | CPU ms an image |\n|---|---|---|---|")
    for count in pixels:
        for change in (PAPER, *CHANGES):
            row = measured("", OnePixel(pixels=count, **change), examples)
            said = ", ".join(f"{name} {value}" for name, value in change.items()) or "default"
            click.echo(f"| {count} | {said} | {row.success:.3f} | {row.seconds * 1000:.1f} |")
