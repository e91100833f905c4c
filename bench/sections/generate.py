"""The cost of a look-up and of a composition by ``generate``."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.harness import turns
from bench.harness.results import Result, Statistic
from core.datasets.fashion_mnist import FashionMnist
from core.generate.composer import Composer
from core.generate.generate import find_or_compose
from core.image.pixels import Images, to_float

ROUNDS = 3


def measure(*, quick: bool) -> Result:
    """CPU time of one call with all images and of calls with one image each, in this process, after a warm-up."""
    known, unknown, alone = (1000, 20, 10) if quick else (10_000, 1000, 100)
    composer = Composer()
    images = FashionMnist().load().images
    altered = images[:unknown].copy()
    altered[:, 0, 0, 0] ^= 1  # so that they are in no run
    with tempfile.TemporaryDirectory() as store:
        turns.run([sys.executable, "-m", "orchestrator", "run", "--limit", str(known), "--store", store])

        def ask(some: Images) -> float:
            seconds = [_cpu(lambda: find_or_compose(some, store=store, composer=composer)) for _ in range(ROUNDS)]
            return turns.median(seconds) / len(some)

        if not quick:
            composer.warm_up()
        ask(np.concatenate([images[:100], altered[:100]]))
        one_call = ask(images[:known])
        as_floats = ask(to_float(images[:known], (0.0, 1.0)))
        each = turns.median([ask(images[place : place + 1]) for place in range(alone)])
        composed = ask(altered)
        looked_up = find_or_compose(images[:known], store=store, composer=composer)
        made = find_or_compose(altered, store=store, composer=composer)
        if not looked_up.looked_up.all() or made.looked_up.any():
            raise RuntimeError("what should be looked up was composed, or the other way round")
        flipped = float(np.mean(made.attack_label != made.label))
        size = sum(path.stat().st_size for path in Path(store).glob("*/index_map.npz"))
    return Result(
        name="generate",
        title="generate",
        command="python -m bench generate",
        statistics=[
            Statistic(what=f"a look-up, {known:,} uint8 images in one call", value=1e6 * one_call, unit="us"),
            Statistic(what="the same images as floats", value=1e6 * as_floats, unit="us"),
            Statistic(what="a look-up, one image in one call", value=1e6 * each, unit="us"),
            Statistic(what=f"a composition, {unknown:,} images in one call", value=1e3 * composed, unit="ms"),
            Statistic(what="share of the compositions that flip the prediction", value=flipped),
        ],
        notes=[
            "CPU time of `core.generate.generate.find_or_compose` per image, after a warm-up. The known images are "
            f"those of the default run, whose index map takes {size / 1e6:.1f} MB. The unknown ones are the same with "
            "one pixel changed by one level; the candidates for their compositions are the 60,000 training images. The "
            "source needed 3 ms for a look-up and 30 s for a composition.",
        ],
    )


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
