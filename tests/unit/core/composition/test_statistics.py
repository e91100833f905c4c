from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.composition.candidates import Candidates
from core.composition.embedding import Embedding
from core.composition.regions import region_weights
from core.composition.search import best_match
from core.composition.windows import Windows, window_statistics
from core.errors import DataError
from core.image.pixels import Bounds, to_float
from core.image.ssim import window_means

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(11, 11, 1), (13, 20, 3)])
def test_windows_are_those_of_ssim(shape: tuple[int, int, int]) -> None:
    images = RNG.random((4, *shape))
    windows = Windows(shape)
    planes = window_means(np.moveaxis(images, 3, 1).reshape(-1, *shape[:2]))
    expected = np.moveaxis(planes.reshape(4, shape[2], *planes.shape[1:]), 1, 3).reshape(4, -1)
    assert windows.count == expected.shape[1]
    np.testing.assert_allclose(windows.means(images), expected, rtol=1e-13)
    np.testing.assert_allclose(windows.right.sum(axis=1), 1, rtol=1e-13)


def test_each_window_is_in_one_part() -> None:
    # Of 5 x 4 windows in two channels: two rows, two and one; two columns, one and one.
    shares = region_weights((15, 14, 2))
    assert shares.shape == (9, 40)
    expected = [[3 * row + column for column in (0, 0, 1, 2) for _ in range(2)] for row in (0, 0, 1, 1, 2)]
    np.testing.assert_array_equal(shares.argmax(axis=0), np.ravel(expected))
    np.testing.assert_array_equal(np.unique(shares), [0, 1 / 40])
    assert (np.count_nonzero(shares, axis=0) == 1).all()
    assert region_weights((11, 12, 1)).tolist() == [[0.5, 0.0], [0.0, 0.5]]


def test_statistics_of_one_window_by_hand() -> None:
    # Half of a window is 2, the column in the middle 4, the rest 6: mean 4, and the variance is the weight beside.
    image = np.full((1, 11, 11, 1), 4, np.float32)
    image[:, :, :5], image[:, :, 6:] = 2, 6
    weights = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    beside = 1 - weights[5] / weights.sum()
    means, variances = window_statistics(image, (0.0, 8.0))
    np.testing.assert_allclose(means, [[0.5]])
    np.testing.assert_allclose(variances, [[4 * beside / 64]])


@pytest.mark.parametrize("shape", [(10, 28, 1), (28, 10, 3)])
def test_images_under_a_window_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(DataError, match=r"11x11 pixels or more.*got \d+x\d+; enlarge the images"):
        Candidates.of(np.zeros((3, *shape), np.uint8), np.arange(3))


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 1.0)])
def test_statistics_of_8_bit_pictures_are_those_of_their_floats(bounds: Bounds) -> None:
    images = RNG.integers(0, 256, (1100, 11, 12, 1)).astype(np.uint8)
    candidates = Candidates.of(images, np.zeros(1100, np.int64), bounds)
    floats = Candidates.of(to_float(images, bounds), np.zeros(1100, np.int64), bounds)
    np.testing.assert_array_equal(candidates.means, floats.means)
    np.testing.assert_array_equal(candidates.variances, floats.variances)
    means, variances = window_statistics(to_float(images[-1:], bounds), bounds)
    np.testing.assert_allclose(candidates.means[-1:], means, rtol=1e-6)
    np.testing.assert_allclose(candidates.variances[-1:], variances, rtol=1e-6)


def test_they_are_stored_as_plain_arrays(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (40, 12, 12, 3)).astype(np.uint8)
    bounds = (-1.0, 1.0)
    candidates = Candidates.of(images, np.arange(40) % 2, bounds)
    embedding = Embedding.of(candidates, 10)
    arrays = {**candidates.arrays(), **embedding.arrays()}
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array, allow_pickle=False)
    read = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in arrays}
    queries, excluded = to_float(images[:4] // 2, bounds), np.array([0, 1, 0, 1])
    again = best_match(queries, excluded, Candidates.from_arrays(read, bounds), Embedding.from_arrays(read, bounds))
    for mine, theirs in zip(again, best_match(queries, excluded, candidates, embedding), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    same = Embedding.of(Candidates.of(images, np.arange(40) % 2, bounds), 10)
    for name, array in embedding.arrays().items():
        assert array.tobytes() == same.arrays()[name].tobytes()
