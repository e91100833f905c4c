"""Finds the most similar candidate (by SSIM) of another label, among all candidates or a random sample.

Candidates are first compared in single precision, with a known bound on the rounding error. Those within the bound of
the best are compared again in the metric's own double precision. The result is therefore exact and does not depend on
the other images in the batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.composition.candidates import Candidates
from core.composition.embedding import Embedding
from core.composition.query import Query
from core.errors import DataError
from core.image.pixels import Images
from core.image.ssim import mean_ssim
from core.rng import image_rng
from core.runtime.blas import one_blas_thread

_QUERIES = 128  # at a time
_FIRST = 64  # candidates compared before the remaining ones are narrowed down by their bounds
_PAIRS = 64  # at a time, in double precision

Rows = NDArray[np.intp]
Found = tuple[NDArray[np.int64], NDArray[np.float64]]


@one_blas_thread()
def best_match(
    queries: Images,
    excluded: NDArray[np.int64],
    candidates: Candidates,
    embedding: Embedding | None = None,
    classes: NDArray[np.int64] | None = None,
) -> Found:
    """Find the candidate most similar to each image among those with another label.

    Args:
        queries: images (n, H, W, C) within the candidates' bounds.
        excluded: the label (n,) that each image's match must not have.
        candidates: the N images to choose from.
        embedding: that of these candidates. It changes only the running time: a candidate is compared only where its
            upper bound reaches the best SSIM found so far.
        classes: the predicted class (N,) of each candidate. The match's class must not be the excluded label either,
            unless that leaves no candidate.

    Returns:
        The matches' rows (n,) and SSIM (n,); on ties, the first row.

    Raises:
        DataError: all candidates have an image's excluded label.
    """
    finalists, others = [], _others(candidates, excluded, classes)
    for start in range(0, len(queries), _QUERIES):
        some, labels = queries[start : start + _QUERIES], excluded[start : start + _QUERIES]
        if embedding is None:
            finalists += [
                _best_of(Query(image, candidates), others[label]) for image, label in zip(some, labels, strict=True)
            ]
            continue
        vectors = embedding.embed(some)
        bounds = vectors @ embedding.vectors.T
        for image, label, vector, bound in zip(some, labels, vectors, bounds, strict=True):
            rows = others[label]
            likely = (bound - embedding.residuals @ vector[-len(embedding.sizes) :])[rows]
            finalists.append(_bounded(Query(image, candidates), rows, bound[rows] + embedding.rounding, likely))
    return _decide(queries, candidates, finalists)


@one_blas_thread()
def sampled_match(
    queries: Images,
    excluded: NDArray[np.int64],
    candidates: Candidates,
    count: int,
    seed: int,
    indices: NDArray[np.int64],
    classes: NDArray[np.int64] | None = None,
) -> Found:
    """``best_match`` among ``count`` random candidates of another label, drawn from the seed and each image's index."""
    finalists, others = [], _others(candidates, excluded, classes)
    for image, label, index in zip(queries, excluded, indices, strict=True):
        rows = others[label]
        drawn = image_rng(seed, int(index)).choice(len(rows), min(count, len(rows)), replace=False)
        finalists.append(_best_of(Query(image, candidates), np.sort(rows[drawn])))
    return _decide(queries, candidates, finalists)


def _others(
    candidates: Candidates, excluded: NDArray[np.int64], classes: NDArray[np.int64] | None
) -> dict[np.int64, Rows]:
    """For each excluded label, the rows of the candidates that remain."""
    found = {}
    for label in np.unique(excluded):
        other = candidates.labels != label
        if not other.any():
            raise DataError(
                f"candidates with a label other than {label}",
                f"{len(candidates.labels)} with that label",
                "give candidates with at least two labels",
            )
        narrower = other if classes is None else other & (classes != label)
        found[label] = np.flatnonzero(narrower if narrower.any() else other)
    return found


def _best_of(query: Query, rows: Rows) -> Rows:
    """The rows that may be the best, given the rounding error."""
    values = query.ssim(rows)
    return np.asarray(rows[values >= values.max() - 2 * query.rounding])


def _bounded(query: Query, rows: Rows, most: NDArray[np.float32], likely: NDArray[np.float32]) -> Rows:
    """``_best_of``, given upper bounds ``most`` (n,) on the SSIM and estimates ``likely`` (n,) of it."""
    tried = np.array([likely.argmax()])
    values = query.ssim(rows[tried])
    for limit in (_FIRST, len(rows)):
        most[tried] = -np.inf
        left = np.flatnonzero(most >= values.max() - query.rounding)
        if len(left) > limit:
            left = left[np.argpartition(-likely[left], limit)[:limit]]
        tried, values = np.concatenate([tried, left]), np.concatenate([values, query.ssim(rows[left])])
    return np.sort(rows[tried[values >= values.max() - 2 * query.rounding]])


def _decide(queries: Images, candidates: Candidates, finalists: list[Rows]) -> Found:
    """The best of each image's finalists, in the metric's double precision."""
    owners = np.repeat(np.arange(len(queries)), [len(rows) for rows in finalists])
    rows = np.concatenate([np.empty(0, np.intp), *finalists])
    extent = candidates.bounds[1] - candidates.bounds[0]
    values = np.empty(len(rows))
    for start in range(0, len(rows), _PAIRS):
        some = slice(start, start + _PAIRS)
        values[some] = mean_ssim(queries[owners[some]], candidates.floats(rows[some]), extent)
    best = [np.flatnonzero(owners == owner)[values[owners == owner].argmax()] for owner in range(len(queries))]
    return rows[best].astype(np.int64), values[best]
