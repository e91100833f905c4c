"""``python -m bench.harness.composition_parts CANDIDATES QUERIES BRUTE METRIC`` measures the search (JSON)."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from core.composition.candidates import Candidates
from core.composition.embedding import Embedding
from core.composition.query import Query
from core.composition.search import Found, best_match, sampled_match
from core.datasets.fashion_mnist import FashionMnist
from core.image.pixels import Images, to_float
from core.metrics.ssim import Ssim

T = TypeVar("T")
_BOUNDS = (0.0, 1.0)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Its CPU time in seconds, and its result."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def by_the_metric(query: Images, label: np.int64, candidates: Candidates) -> int:
    """The best candidate for one image (1, H, W, C), by the registered metric alone."""
    values = np.concatenate(
        [
            Ssim()(np.repeat(query, len(rows), axis=0), candidates.floats(rows), _BOUNDS)
            for rows in np.array_split(np.arange(len(candidates.labels)), len(candidates.labels) // 1000)
        ]
    )
    return int(np.where(candidates.labels == label, -np.inf, values).argmax())


def compared(work: Callable[[], object]) -> int:
    """The number of candidates that are compared in it."""
    count, plain = 0, Query.ssim

    def counted(self: Query, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        nonlocal count
        count += len(rows)
        return plain(self, rows)

    with patch.object(Query, "ssim", counted):
        work()
    return count


def measure(size: int, count: int, brute: int, metric: int) -> dict[str, Any]:
    """All numbers; times in milliseconds an image, and in seconds for what is done once."""
    train, test = FashionMnist().load_train().head(size), FashionMnist().load().head(count)
    queries, labels = to_float(test.images, _BOUNDS), test.required_labels()

    def search(rows: slice) -> Found:
        return best_match(queries[rows], labels[rows], candidates, embedding)

    once, candidates = timed(lambda: Candidates.of(train.images, train.required_labels(), _BOUNDS))
    embedding_once, embedding = timed(lambda: Embedding.of(candidates))
    together, (rows, ssim) = timed(lambda: search(slice(count)))
    alone = [timed(partial(search, slice(i, i + 1)))[0] for i in range(0, count, max(1, count // 200))]
    sampled, (_, of_150) = timed(lambda: sampled_match(queries, labels, candidates, 150, 0, np.arange(count)))
    whole, (all_rows, _) = timed(lambda: best_match(queries[:brute], labels[:brute], candidates))
    plain, by_metric = timed(lambda: [by_the_metric(queries[i : i + 1], labels[i], candidates) for i in range(metric)])
    arrays = {**candidates.arrays(), **embedding.arrays()}.values()
    return {
        "candidates": once,
        "embedding": embedding_once,
        "megabytes": sum(array.nbytes for array in arrays) / 1e6,
        "together": 1e3 * together / count,
        "median": 1e3 * float(np.median(alone)),
        "worst": 1e3 * float(np.quantile(alone, 0.99)),
        "sampled": 1e3 * sampled / count,
        "brute": 1e3 * whole / brute,
        "metric": 1e3 * plain / metric,
        "compared": compared(lambda: search(slice(brute))) / brute,
        "recall": float((rows[:brute] == all_rows).mean()),
        "recall_metric": float((rows[:metric] == by_metric).mean()),
        "gain": float(ssim.mean()),
        "gain_sampled": float(of_150.mean()),
    }


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:]))))
