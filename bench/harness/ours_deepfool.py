"""Our DeepFool on a task, as the peers' scripts run theirs: ``python -m bench.harness.ours_deepfool TASK OUT``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from bench.harness.session import classifier_of
from bench.harness.task import Task
from core.attacks.base import Examples
from core.attacks.deepfool import DeepFool


def main(folder: Path, out: Path) -> None:
    """Attack the images of a task against the clock."""
    task = Task(folder)
    settings = json.loads((folder / "attack.json").read_text())
    settings.pop("architecture")
    attack, classifier = DeepFool(**settings), classifier_of(task.model)
    images = task.images()
    examples = Examples(images, task.labels(), np.arange(len(images)), levels=255)
    attack.run(classifier, examples.take(np.arange(classifier.batch_size)))
    wall, cpu = time.perf_counter(), time.process_time()
    attacked = attack.run(classifier, examples)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    np.save(out, attacked.images)
    print(json.dumps({"seconds": wall, "cpu_seconds": cpu, "mean_steps": float(attacked.steps.mean())}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
