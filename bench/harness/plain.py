"""A run's work without server and store: ``python -m bench.harness.plain PROCESSES IMAGES``, on the first test images.

Each process attacks its share of the images with the defaults, measures the result and keeps it in memory.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np


def attack(start: int, stop: int) -> None:
    """Attack and measure images start to stop, as a shard does."""
    from core.attacks.base import Examples
    from core.datasets.by_name import open_images
    from core.datasets.conversion.in_memory import load_image_set
    from core.image.digest import digests
    from core.image.pixels import to_float
    from core.models.files.card import ZOO
    from core.models.files.loading import load_model
    from core.models.inference.batch_invariance import settle
    from core.models.inference.classifier import KerasClassifier, predict
    from core.shard import ledger
    from core.shard.cascade import run_stages, stages_of
    from orchestrator.planning.request import Request
    from orchestrator.planning.validate import run_config
    from tasks.session import load_tensorflow

    load_tensorflow()
    request = Request(store="")
    config = run_config(request)
    stored = load_image_set(open_images(request.data)).images[start:stop]
    clean, shape = to_float(stored, config.bounds), stored.shape[1:]
    model = load_model(ZOO / f"{request.model}.keras")
    classifier = settle(lambda size: KerasClassifier(model, shape, size), config.batch_size, shape)
    before = predict(classifier, clean)
    examples = Examples(clean, before, np.arange(start, stop), config.bounds, config.seed, levels=255)
    outcome = run_stages(stages_of(config), classifier, examples, before)
    ledger.measure(classifier, clean, outcome.images, config.bounds, before)
    digests(stored, config.bounds)


def main() -> None:
    """Divide the images among processes and wait for them."""
    processes, images, *own = map(int, sys.argv[1:])
    if own:
        attack(own[0] * images // processes, (own[0] + 1) * images // processes)
        return
    command = [sys.executable, "-m", "bench.harness.plain", str(processes), str(images)]
    children = [subprocess.Popen([*command, str(number)]) for number in range(processes)]
    codes = [child.wait() for child in children]
    if any(codes):
        raise SystemExit("a process failed")


if __name__ == "__main__":
    main()
