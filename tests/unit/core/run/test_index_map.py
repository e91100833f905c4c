from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.errors import IntegrityError
from core.image.digest import digests
from core.image.pixels import to_float, to_uint8
from core.run.index_map import IndexMap


@given(
    arrays(np.uint8, (3, 4, 5, 1), elements=st.integers(0, 255)),
    st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)]),
)
def test_an_image_has_one_digest_as_uint8_and_as_float(images: np.ndarray, bounds: tuple[float, float]) -> None:
    assert digests(images, bounds) == digests(to_float(images, bounds), bounds)
    np.testing.assert_array_equal(to_uint8(to_float(images, bounds), bounds), images)


def test_every_common_way_to_scale_gives_the_same_digest() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    ways = [
        levels / 255,
        levels * (1 / 255),
        levels.astype(np.float32) / 255,
        levels.astype(np.float32) * np.float32(1 / 255),
    ]
    assert {digests(np.asarray(way, np.float32))[0] for way in ways} == set(digests(levels))


def test_scaling_is_the_division_by_255_correctly_rounded() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    np.testing.assert_array_equal(to_float(levels, (0, 1)), levels.astype(np.float32) / np.float32(255))


def test_one_changed_pixel_shape_or_value_is_another_digest() -> None:
    base = np.zeros((1, 20, 20, 1), np.uint8)
    middle = base.copy()
    middle[0, 10, 10, 0] = 1
    off_grid = to_float(base, (0, 1)).copy()
    off_grid[0, 10, 10, 0] = 0.5 / 255
    found = {digests(each)[0] for each in (base, middle, base.reshape(1, 10, 40, 1), off_grid)}
    assert len(found) == 4


def test_equal_images_are_all_found() -> None:
    images = np.random.default_rng(0).integers(0, 4, (50, 1, 2, 1)).astype(np.uint8)
    labels = np.arange(50, dtype=np.int64)
    found = digests(images)
    index = IndexMap.build(found, labels, 100 + labels)
    for row, (digest, first) in enumerate(zip(found, index.first_rows(found), strict=True)):
        same = [other for other in range(50) if (images[other] == images[row]).all()]
        assert index.find(digest).tolist() == same
        assert [index.index[first], index.label[first], index.attack_label[first] - 100] == 3 * [same[0]]
    assert index.duplicates == 50 - len({image.tobytes() for image in images})


def test_an_unknown_image_is_not_found() -> None:
    index = IndexMap.build(digests(np.zeros((1, 2, 2, 1), np.uint8)), np.array([7]), np.array([8]))
    unknown = digests(np.ones((1, 2, 2, 1), np.uint8))[0]
    assert index.find(unknown).tolist() == []
    # Only the first eight bytes agree.
    close = digests(np.zeros((1, 2, 2, 1), np.uint8))[0][:8] + bytes(24)
    assert index.find(close).tolist() == []
    assert index.first_rows([unknown, close, bytes(32), bytes([255]) * 32]).tolist() == [-1] * 4


def test_digests_that_begin_alike_are_told_apart() -> None:
    found = [bytes(31) + bytes([last]) for last in (3, 1, 2, 1)]
    index = IndexMap.build(found, np.arange(4), np.arange(4))
    rows = index.first_rows([*found, bytes(32)])
    assert index.index[rows[:4]].tolist() == [0, 1, 2, 1]
    assert rows[4] == -1


def test_it_is_saved_and_loaded_without_pickle() -> None:
    index = IndexMap.build(
        digests(np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1)), np.array([4, 5, 6]), np.array([7, 8, 9])
    )
    buffer = io.BytesIO()
    index.save(buffer)
    buffer.seek(0)
    again = IndexMap.load(buffer)
    np.testing.assert_array_equal(again.digests, index.digests)
    np.testing.assert_array_equal(again.index, index.index)
    np.testing.assert_array_equal(again.label, index.label)
    np.testing.assert_array_equal(again.attack_label, index.attack_label)
    with pytest.raises(IntegrityError):
        IndexMap.load(io.BytesIO(pickle.dumps({"a": 1})))
