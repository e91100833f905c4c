"""SSIM of 10,000 images and the reduce of 64 shards, against the time that scikit-image needs."""

from __future__ import annotations

import sys

from bench.harness import turns
from bench.harness.results import Result, Statistic, Table
from bench.harness.turns import Sample, median

ROUNDS, IMAGES, SHARDS = 5, 10_000, 64
_WHAT = {
    "bare": "scikit-image's SSIM in a bare loop",
    "ours": "the registered metrics `ssim` and `ssim_full`",
    "reduce": "the reduce",
    "audit": "of which: measuring 256 images again",
    "load": "importing TensorFlow and loading the model in a worker that has neither",
}


def measure(*, quick: bool) -> Result:
    """Run each part alternately, in a process of its own that reports its time."""
    rounds, images, shards = (1, 300, 4) if quick else (ROUNDS, IMAGES, SHARDS)
    command = [sys.executable, "-m", "bench.harness.reduce_parts", str(images), str(shards)]
    samples = turns.take_turns({name: [*command, name] for name in ("bare", "ours", "reduce")}, rounds)
    seconds = {name: median(_said(samples[name if name in samples else "reduce"], name)) for name in _WHAT}
    beyond = seconds["ours"] - seconds["bare"] + seconds["reduce"]
    return Result(
        name="reduce",
        title="SSIM and reduce",
        command="python -m bench reduce",
        statistics=[
            Statistic(
                what=f"SSIM of {images:,} images in the shards and reduce, beyond scikit-image's own time",
                value=beyond,
                unit="s",
            ),
            Statistic(
                what="the same in a worker that has to load TensorFlow first", value=beyond + seconds["load"], unit="s"
            ),
        ],
        tables=[Table(columns=["what", "s"], rows=[[_WHAT[name], f"{took:.3f}"] for name, took in seconds.items()])],
        notes=[
            f"{images:,} images of 28x28 in {shards} shards, one thread. SSIM is measured in the shards, on the images "
            "as they were read back, so the workers divide this work; the number here is its total. The reduce runs in "
            "a worker that has run shards, where TensorFlow and the model are loaded.",
        ],
        samples={name: [sample.plain() for sample in each] for name, each in samples.items()},
    )


def _said(samples: list[Sample], name: str) -> list[float]:
    return [float(sample.said[name]) for sample in samples]
