from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.datasets.arrays import ArraySource
from core.datasets.conversion.in_memory import ArraySink, load_image_set
from core.datasets.conversion.normalise import Target, image_shape, normalise
from core.datasets.source import BrokenImage, Piece
from core.errors import DataError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 5, 6, 1), np.uint8)
TARGET = Target((5, 6, 1), (0.0, 1.0))


class Pieces:
    """A source that gives these pieces, whose image at ``broken`` can't be read."""

    def __init__(self, pieces: list[NDArray[Any]], broken: int | None = None) -> None:
        self.name = "pieces"
        self.class_names: tuple[str, ...] = ()
        self.notes, self.broken = ["a note of the reader"], list[BrokenImage]()
        self._pieces, self._broken = pieces, broken
        self.count = sum(map(len, pieces))

    def labels(self) -> None:
        return None

    def pieces(self, rows: NDArray[np.int64]) -> Iterator[Piece]:
        start = 0
        for images in self._pieces:
            chosen = np.array([row for row in rows if start <= row < start + len(images) and row != self._broken], int)
            if self._broken is not None and self._broken in rows and start <= self._broken < start + len(images):
                self.broken.append(BrokenImage(f"image {self._broken}", "damaged"))
            yield Piece(chosen, images[chosen - start])
            start += len(images)


def test_a_source_in_pieces_is_one_array() -> None:
    sink, seen = ArraySink(), []
    source = Pieces(np.split(GREY, [3, 4, 9]))
    read = normalise(source, np.arange(12), TARGET, sink, lambda done, total: seen.append((done, total)))
    np.testing.assert_array_equal(sink.images(), GREY)
    assert (read.dtype, read.notes) == ("uint8", ("a note of the reader",))
    assert seen == [(3, 12), (4, 12), (9, 12), (12, 12)]


def test_chosen_rows_alone_are_read() -> None:
    sink, rows = ArraySink(), np.array([1, 5, 11])
    assert normalise(Pieces(np.split(GREY, 4)), rows, TARGET, sink).rows.tolist() == [1, 5, 11]
    np.testing.assert_array_equal(sink.images(), GREY[rows])


def test_a_broken_image_is_missing_among_the_rows() -> None:
    sink = ArraySink()
    source = Pieces(np.split(GREY, 4), broken=4)
    read = normalise(source, np.arange(12), TARGET, sink)
    assert read.rows.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11]
    np.testing.assert_array_equal(sink.images(), np.delete(GREY, 4, axis=0))


def test_8_bit_pieces_before_16_bit_ones_are_scaled_alike() -> None:
    wide = RNG.integers(0, 2**16, (2, 5, 6, 1), np.uint16)
    for pieces in ([GREY[:2], wide], [wide, GREY[:2]]):
        sink = ArraySink()
        read = normalise(Pieces(pieces), np.arange(4), TARGET, sink)
        expected = np.concatenate([piece / np.iinfo(piece.dtype).max for piece in pieces])
        np.testing.assert_allclose(sink.images(), expected, atol=1e-6)
        assert read.dtype == sink.images().dtype == np.float32


@pytest.mark.parametrize(
    "change",
    [
        lambda images: images,
        lambda images: images.astype(np.int64),
        lambda images: images.astype(np.uint16) * 257,
        lambda images: images.astype(np.float64) / 255,
        lambda images: images.astype(np.float32),
        lambda images: images[..., 0],
        lambda images: np.moveaxis(np.repeat(images, 3, axis=3), 3, 1),
    ],
)
def test_the_same_images_in_any_form_are_the_same(change: Callable[[Any], Any]) -> None:
    changed = change(GREY)
    source = ArraySource("set", changed, None)
    sink = ArraySink()
    normalise(source, np.arange(12), TARGET, sink)
    np.testing.assert_array_equal(sink.images(), GREY)
    assert sink.images().dtype == np.uint8


def test_other_sizes_than_the_first_are_refused() -> None:
    with pytest.raises(DataError, match="6 x 5 from image 6 on; give --size"):
        normalise(Pieces([GREY[:6], GREY[6:].reshape(6, 6, 5, 1)]), np.arange(12), TARGET, ArraySink())


def test_the_shape_is_that_of_the_first_readable_image() -> None:
    assert image_shape(Pieces([GREY]), np.arange(12)) == (5, 6, 1)
    assert image_shape(Pieces(np.split(GREY, 12), broken=0), np.arange(12)) == (5, 6, 1)
    assert image_shape(ArraySource("set", GREY[..., 0], None), np.arange(12)) == (5, 6, 1)


@pytest.mark.parametrize("rows", [np.arange(1), np.arange(0)])
def test_a_set_without_a_readable_image_is_refused(rows: Any) -> None:
    source = Pieces([GREY[:1]], broken=0)
    with pytest.raises(DataError, match="at least one image"):
        image_shape(source, rows)
    with pytest.raises(DataError, match="at least one image"):
        normalise(source, rows, TARGET, ArraySink())


def test_a_set_in_memory_has_its_labels() -> None:
    images = load_image_set(ArraySource("set", GREY, np.arange(12)[:, None] % 3, ("a", "b", "c")))
    np.testing.assert_array_equal(images.images, GREY)
    assert images.required_labels().tolist() == (np.arange(12) % 3).tolist()
    assert (images.name, images.class_names) == ("set", ("a", "b", "c"))
    assert load_image_set(ArraySource("set", GREY, None), channels=3).images.shape == (12, 5, 6, 3)
