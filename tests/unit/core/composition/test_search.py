"""The search against brute force with the metric itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.composition import embedding as embedding_module
from core.composition.candidates import Candidates
from core.composition.embedding import Embedding
from core.composition.query import Query
from core.composition.search import best_match, sampled_match
from core.errors import DataError
from core.image.pixels import Bounds, Images, to_float, to_uint8
from core.image.ssim import mean_ssim
from core.rng import image_rng

UNIT = (0.0, 1.0)


def pictures(rng: np.random.Generator, count: int, shape: tuple[int, int, int], bounds: Bounds = UNIT) -> Images:
    """Smooth shapes with some noise, flat ones among them: no two alike, yet similar."""
    height, width, channels = shape
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(y * a / 4 + b) * np.cos(x * c / 4 + b) for a, b, c in rng.random((count, 3))]
    images = 0.5 + 0.4 * np.array(waves)[..., None] + rng.normal(0, 0.05, (count, height, width, channels))
    images[::5] = rng.random((len(images[::5]), 1, 1, 1))
    return (bounds[0] + np.clip(images, 0, 1) * (bounds[1] - bounds[0])).astype(np.float32)


def ssim_with(query: Images, images: Images, bounds: Bounds) -> np.ndarray:
    """The SSIM of one image with each of the others, its pixels as they are: the search takes no bound off."""
    return mean_ssim(np.repeat(query[None], len(images), axis=0), images, bounds[1] - bounds[0])


def by_brute_force(
    queries: Images,
    excluded: np.ndarray,
    images: Images,
    labels: np.ndarray,
    classes: np.ndarray | None,
    bounds: Bounds,
) -> tuple[np.ndarray, np.ndarray]:
    each = [ssim_with(query, images, bounds) for query in queries]
    others = labels != excluded[:, None]
    if classes is not None:
        both = others & (classes != excluded[:, None])
        others = np.where(both.any(axis=1, keepdims=True), both, others)
    values = np.where(others, each, -np.inf)
    return values.argmax(axis=1), values.max(axis=1)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    height=st.integers(11, 20),
    width=st.integers(11, 20),
    channels=st.sampled_from([1, 3]),
    bounds=st.sampled_from([UNIT, (-1.0, 1.0), (0.0, 255.0)]),
    eight_bit=st.booleans(),
    landmarks=st.integers(1, 40),
    predicted=st.sampled_from([0, 1, 3]),
)
def test_it_finds_what_brute_force_finds(
    seed: int, height: int, width: int, channels: int, bounds: Bounds, eight_bit: bool, landmarks: int, predicted: int
) -> None:
    rng = np.random.default_rng(seed)
    images = pictures(rng, 30, (height, width, channels), bounds)
    given_images: np.ndarray[Any, Any] = to_uint8(images, bounds) if eight_bit else images
    images = to_float(given_images, bounds)
    labels, excluded = rng.integers(0, 3, 30), rng.integers(0, 4, 5)
    labels[:2] = 0, 1
    queries = pictures(rng, 5, (height, width, channels), bounds)
    candidates = Candidates.of(given_images, labels, bounds)
    # Of one class, there is a label for which none of another class is left.
    classes = rng.integers(0, predicted, 30) if predicted else None
    rows, values = by_brute_force(queries, excluded, images, labels, classes, bounds)
    for embedding in (None, Embedding.of(candidates, landmarks)):
        found, ssim = best_match(queries, excluded, candidates, embedding, classes)
        np.testing.assert_array_equal(found, rows)
        np.testing.assert_array_equal(ssim, values)


@pytest.mark.parametrize("bounds", [UNIT, (-1.0, 1.0), (2.0, 3.0)])
@pytest.mark.parametrize("eight_bit", [False, True])
def test_single_precision_is_off_by_no_more_than_it_says(bounds: Bounds, eight_bit: bool) -> None:
    rng = np.random.default_rng(1)
    images = pictures(rng, 60, (17, 14, 3), bounds)
    images[7] = bounds[1]  # flat and bright: the worst of it
    given_images: np.ndarray[Any, Any] = to_uint8(images, bounds) if eight_bit else images
    candidates = Candidates.of(given_images, np.arange(60), bounds)
    images = candidates.floats(np.arange(60))
    for query in images:
        comparison = Query(query, candidates)
        exact = ssim_with(query, images, bounds)
        assert np.abs(comparison.ssim(np.arange(60)) - exact).max() <= comparison.rounding < 0.02


@pytest.mark.parametrize("landmarks", [1, 5, 60])
@pytest.mark.parametrize(("channels", "bounds"), [(1, UNIT), (3, (-1.0, 1.0))])
def test_no_ssim_is_above_its_bound(landmarks: int, channels: int, bounds: Bounds) -> None:
    rng = np.random.default_rng(2)
    images = pictures(rng, 80, (16, 13, channels), bounds)
    candidates = Candidates.of(images[:60], np.zeros(60, np.int64), bounds)
    embedding = Embedding.of(candidates, landmarks)
    assert embedding.vectors.shape[1] == embedding.sizes.sum() + 9
    assert 0 < embedding.sizes.max() <= landmarks
    bound = embedding.embed(images) @ embedding.vectors.T
    exact = np.array([ssim_with(image, images[:60], bounds) for image in images])
    assert (exact <= bound + embedding.rounding).all()
    # Of an image with itself, it is the square of a vector's length.
    np.testing.assert_allclose(np.diag(bound[:60]), 1, atol=1e-5)


def test_landmarks_are_known_exactly() -> None:
    images = pictures(np.random.default_rng(3), 24, (15, 15, 1))
    candidates = Candidates.of(images, np.zeros(24, np.int64))
    embedding = Embedding.of(candidates, 24)
    exact = np.array([ssim_with(image, images, UNIT) for image in images])
    coordinates = embedding.vectors[:, : embedding.sizes.sum()]
    np.testing.assert_allclose(coordinates @ coordinates.T, exact, atol=2e-3)
    others = embedding.embed(pictures(np.random.default_rng(4), 6, (15, 15, 1)))[:, : embedding.sizes.sum()]
    exact = np.array([ssim_with(i, images, UNIT) for i in pictures(np.random.default_rng(4), 6, (15, 15, 1))])
    np.testing.assert_allclose(others @ coordinates.T, exact, atol=2e-3)


def test_the_coordinates_that_say_most_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    images = pictures(np.random.default_rng(12), 60, (14, 17, 1))
    candidates = Candidates.of(images, np.zeros(60, np.int64))
    whole = Embedding.of(candidates, 20)
    monkeypatch.setattr(embedding_module, "COORDINATES", 30)
    few = Embedding.of(candidates, 20)
    assert few.sizes.sum() == 30 < whole.sizes.sum()
    # Over the landmarks, the squares of a coordinate add up to its eigenvalue.
    landmarks = np.linspace(0, 59, 20).astype(int)
    mine, theirs = (np.square(each.vectors[landmarks, : each.sizes.sum()]).sum(axis=0) for each in (few, whole))
    np.testing.assert_allclose(np.sort(mine), np.sort(theirs)[-30:], rtol=1e-4)
    exact = np.array([ssim_with(image, images, UNIT) for image in images])
    assert (exact <= few.vectors @ few.vectors.T + few.rounding).all()


def test_few_candidates_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    images = pictures(rng, 600, (14, 14, 1))
    candidates = Candidates.of(images, np.arange(600) % 4)
    embedding = Embedding.of(candidates, 200)
    compared = []
    plain = Query.ssim

    def counted(self: Query, rows: np.ndarray) -> np.ndarray:
        compared.append(len(rows))
        return plain(self, rows)

    monkeypatch.setattr(Query, "ssim", counted)
    queries = np.clip(images[[1, 2, 3]] + rng.normal(0, 0.01, (3, 14, 14, 1)), 0, 1).astype(np.float32)
    found, _ = best_match(queries, np.array([0, 0, 0]), candidates, embedding)
    assert found.tolist() == [1, 2, 3]
    assert sum(compared) < 3 * 300


def test_of_equal_candidates_the_first_is_found() -> None:
    rng = np.random.default_rng(6)
    images = pictures(rng, 200, (12, 12, 1))
    images[[31, 77, 150]] = images[90]
    labels = np.arange(200) % 2
    candidates = Candidates.of(images, labels)
    query = np.clip(images[90:91] + np.float32(0.001), 0, 1)
    embedding = Embedding.of(candidates, 50)
    for embedded in (None, embedding):
        assert best_match(query, np.array([7]), candidates, embedded)[0].tolist() == [31]
        assert best_match(query, np.array([1]), candidates, embedded)[0].tolist() == [90]
    # Also where it is compared last: nothing is known of it but that it may be near.
    vectors = embedding.vectors.copy()
    vectors[31], vectors[31, embedding.sizes.sum() :] = 0, 1e4
    assert best_match(query, np.array([7]), candidates, replace(embedding, vectors=vectors))[0].tolist() == [31]


def test_what_single_precision_cannot_tell_apart_is_told_apart() -> None:
    rng = np.random.default_rng(11)
    query = pictures(rng, 2, (14, 14, 1))[1:]
    images = np.clip(query + rng.normal(0, 1e-5, (100, 14, 14, 1)), 0, 1).astype(np.float32)
    candidates, labels = Candidates.of(images, np.zeros(100, np.int64)), np.zeros(100, np.int64)
    rows, values = by_brute_force(query, np.array([1]), images, labels, None, UNIT)
    single = Query(query[0], candidates).ssim(np.arange(100))
    assert single.argmax() != rows[0]
    for embedding in (None, Embedding.of(candidates, 8)):
        found, ssim = best_match(query, np.array([1]), candidates, embedding)
        assert (found[0], ssim[0]) == (rows[0], values[0])


def test_the_same_in_any_company_and_order() -> None:
    rng = np.random.default_rng(7)
    images = pictures(rng, 150, (13, 16, 3))
    candidates = Candidates.of(to_uint8(images, UNIT), np.arange(150) % 5)
    embedding = Embedding.of(candidates, 30)
    queries, excluded = pictures(rng, 140, (13, 16, 3)), np.arange(140) % 5
    found, ssim = best_match(queries, excluded, candidates, embedding)
    order = rng.permutation(140)[:9]
    for rows in (order, order[:1]):
        again = best_match(queries[rows], excluded[rows], candidates, embedding)
        np.testing.assert_array_equal(again[0], found[rows])
        np.testing.assert_array_equal(again[1], ssim[rows])
    none = best_match(queries[:0], excluded[:0], candidates, embedding)
    assert none[0].shape == none[1].shape == (0,)


def test_a_sample_is_the_images_own() -> None:
    rng = np.random.default_rng(8)
    images, labels = pictures(rng, 100, (12, 14, 1)), np.arange(100) % 3
    candidates = Candidates.of(images, labels)
    queries, excluded, indices = pictures(rng, 6, (12, 14, 1)), np.arange(6) % 3, np.arange(40, 46)
    found, ssim = sampled_match(queries, excluded, candidates, 5, 9, indices)
    for place, index in enumerate(indices):
        others = np.flatnonzero(labels != excluded[place])
        drawn = np.sort(others[image_rng(9, int(index)).choice(len(others), 5, replace=False)])
        values = ssim_with(queries[place], images[drawn], UNIT)
        assert (found[place], ssim[place]) == (drawn[values.argmax()], values.max())
    order = np.array([4, 1])
    part = sampled_match(queries[order], excluded[order], candidates, 5, 9, indices[order])
    np.testing.assert_array_equal(part[0], found[order])
    # Of as many as there are, it is the best of all.
    for classes in (None, rng.integers(0, 3, 100)):
        everything = sampled_match(queries, excluded, candidates, 1000, 9, indices, classes)
        np.testing.assert_array_equal(everything[0], best_match(queries, excluded, candidates, classes=classes)[0])
    assert (sampled_match(queries, excluded, candidates, 5, 10, indices)[0] != found).any()


def test_all_of_one_label_is_refused() -> None:
    images = pictures(np.random.default_rng(9), 6, (12, 12, 1))
    candidates = Candidates.of(images, np.full(6, 3))
    with pytest.raises(DataError, match="a label other than 3; got 6 with that label"):
        best_match(images[:1], np.array([3]), candidates)
    with pytest.raises(DataError, match="a label other than 3"):
        sampled_match(images[:1], np.array([3]), candidates, 2, 0, np.array([0]))
