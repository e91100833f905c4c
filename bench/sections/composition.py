"""The exact search for the most similar of 60,000 candidates: its cost, and whether its answers are right."""

from __future__ import annotations

import sys

from bench.harness import turns
from bench.harness.results import Result, Statistic, Table

QUERIES, BRUTE, METRIC = 2000, 500, 20
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS")}
_WHAT = {
    "candidates": "statistics of all candidates, once, s",
    "embedding": "their embedding, once, s",
    "megabytes": "both of them with the images, MB",
    "together": "an image, all queries together, ms",
    "median": "an image, one query at a time, median, ms",
    "worst": "the same, 99th percentile, ms",
    "sampled": "the best of 150 drawn at random, ms",
    "brute": "an image, compared with every candidate, ms",
    "metric": "the same by the registered metric, ms",
    "compared": "candidates of another label that are compared, mean",
    "gain": "SSIM of the best of all, mean",
    "gain_sampled": "SSIM of the best of 150, mean",
}


def measure(*, quick: bool) -> Result:
    """Search in a process of its own with one thread; all times are CPU times."""
    sizes = (3000, 40, 10, 2) if quick else (60_000, QUERIES, BRUTE, METRIC)
    command = [sys.executable, "-m", "bench.harness.composition_parts", *map(str, sizes)]
    sample = turns.run(command, _ONE_THREAD)
    said = sample.said
    return Result(
        name="composition",
        title="Composition: the most similar image",
        command="python -m bench composition",
        statistics=[
            Statistic(what="CPU time an image, 60,000 candidates", value=said["together"], unit="ms"),
            Statistic(
                what=f"share of {sizes[2]:,} queries with the same candidate as an exhaustive search",
                value=said["recall"],
            ),
            Statistic(
                what=f"share of {sizes[3]} queries with the same candidate as by the metric",
                value=said["recall_metric"],
            ),
        ],
        tables=[Table(columns=["what", ""], rows=[[what, f"{said[name]:,.4g}"] for name, what in _WHAT.items()])],
        notes=[
            f"Fashion-MNIST: {sizes[0]:,} training images are the candidates, the queries are test images, and "
            "candidates of a query's own label are excluded. One thread. Every answer is exact: a candidate that is "
            "not compared has an upper bound below the best value found.",
        ],
        samples={"all": [sample.plain()]},
    )
