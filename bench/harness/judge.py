"""One judge of all adversarial images, so that no entrant is fast by being wrong.

    python -m bench.harness.judge TASK ATTACKED...      # files of adversarial images; prints a JSON object

Our model in a process of its own: success is a prediction other than the label. Values outside of 0..1 or of the
epsilon ball, NaN and infinity are errors.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from bench.harness.session import classifier_of
from bench.harness.task import Task
from core.image.pixels import Images
from core.models.inference.classifier import predict

_ROUNDING = 1e-6  # of float32, allowed beyond epsilon


def check(clean: Images, attacked: Images, epsilon: float) -> str:
    """What is wrong with adversarial images; empty if they are valid."""
    if attacked.shape != clean.shape:
        return f"expected images of shape {clean.shape}, got {attacked.shape}"
    if not np.isfinite(attacked).all():
        rows = ~np.isfinite(attacked).all(axis=(1, 2, 3))
        return f"expected numbers, got NaN or infinity in {rows.sum()} images"
    if attacked.min() < 0 or attacked.max() > 1:
        return f"expected pixels in 0..1, got {attacked.min()} to {attacked.max()}"
    change = float(np.abs(attacked.astype(np.float64) - clean).max())
    return f"expected a change of at most {epsilon}, got {change}" if change > epsilon + _ROUNDING else ""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def main(folder: Path, files: tuple[Path, ...]) -> None:
    """Print the success rate of each file, and what is wrong with it."""
    task = Task(folder)
    clean, labels = task.images(), task.labels()
    epsilon = json.loads((folder / "attack.json").read_text())["epsilon"]
    classifier = classifier_of(task.model)
    found = {}
    for file in files:
        attacked = np.load(file)
        wrong = check(clean, attacked, epsilon)
        rate = 0.0 if wrong else float((predict(classifier, attacked) != labels).mean())
        found[file.name] = {"success": rate, "wrong": wrong}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
