"""The most similar of 60,000 candidates for each image, exactly: what it takes, and whether it is right."""

from __future__ import annotations

import sys

from bench.harness import turns
from bench.harness.results import Figure, Result, Table

QUERIES, BRUTE, METRIC = 2000, 500, 20
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS")}
_WHAT = {
    "candidates": "statistics of all candidates, once, s",
    "embedding": "their embedding, once, s",
    "megabytes": "both of them with the pictures, MB",
    "together": "an image, all queries together, ms",
    "median": "an image, one query at a time, median, ms",
    "worst": "the same, the dearest 1%, ms",
    "sampled": "the best of 150 drawn at random, ms",
    "brute": "an image, compared with every candidate, ms",
    "metric": "the same by the registered metric, ms",
    "compared": "candidates compared, of those of another label, on average",
    "gain": "SSIM of the best of all, mean",
    "gain_sampled": "SSIM of the best of 150, mean",
}


def measure(quick: bool) -> Result:
    """In a process of its own with one thread; times are of the processor."""
    sizes = (3000, 40, 10, 2) if quick else (60_000, QUERIES, BRUTE, METRIC)
    command = [sys.executable, "-m", "bench.harness.composition_parts", *map(str, sizes)]
    sample = turns.run(command, _ONE_THREAD)
    said = sample.said
    return Result(
        name="composition",
        title="Composition: the most similar picture",
        command="python -m bench composition",
        figures=[
            Figure(what="processor time an image, 60,000 candidates", value=said["together"], unit="ms", most=10),
            Figure(what=f"the same candidate as by comparing all, of {sizes[2]:,}", value=said["recall"], least=0.999),
            Figure(what=f"the same as by the metric, of {sizes[3]}", value=said["recall_metric"], least=1),
        ],
        tables=[Table(columns=["what", ""], rows=[[what, f"{said[name]:,.4g}"] for name, what in _WHAT.items()])],
        notes=[
            f"Fashion-MNIST: {sizes[0]:,} training images are the candidates, the queries are from the test set, each "
            "label its own excluded. One thread. Every answer is certain: a candidate that wasn't compared has a bound "
            "below the best value found.",
        ],
        samples={"all": [sample.plain()]},
    )
