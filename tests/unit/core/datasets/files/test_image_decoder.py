"""Many images at once: threads, order, and how far they read ahead."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from threading import Barrier
from typing import IO

import numpy as np
import pytest
from PIL import Image

from core.datasets.files.image_decoder import Encoded, ImageDecoder
from core.datasets.files.pixel_form import TO_16, TO_RGB
from core.datasets.source import BrokenImage, ReadOptions
from core.errors import DataError


def png(value: int, size: tuple[int, int] = (3, 2), mode: str = "L") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, value).save(file, "PNG")
    return file.getvalue()


def encoded(row: int, content: bytes) -> Encoded:
    return Encoded(row, f"{row}.png", lambda: io.BytesIO(content))


def test_images_are_read_at_the_same_time() -> None:
    together = Barrier(4, timeout=30)

    def waits(row: int) -> Callable[[], IO[bytes]]:
        def opened() -> IO[bytes]:
            if row:  # the first tells how much memory an image takes
                together.wait()
            return io.BytesIO(png(row))

        return opened

    decoder = ImageDecoder("set", ReadOptions(), readers=4)
    (piece,) = decoder.pieces(lambda: [Encoded(row, "", waits(row)) for row in range(9)])
    np.testing.assert_array_equal(piece.images[:, 0, 0], range(9))


def test_few_large_images_are_decoded_ahead() -> None:
    begun = []
    content = png(7, (5000, 5000))

    def images() -> Iterator[Encoded]:
        for row in range(40):
            begun.append(row)
            yield encoded(row, content)

    pieces = ImageDecoder("set", ReadOptions(), readers=16).pieces(images)
    for count in (2, 4):
        next(pieces)
        assert len(begun) <= count + 5  # 125 MB
    pieces.close()  # type: ignore[attr-defined]


def test_without_a_look_the_first_image_gives_the_form() -> None:
    images = [encoded(0, png(9)), encoded(1, png(0x0000FF, mode="RGB"))]
    (piece,) = ImageDecoder("set", ReadOptions()).pieces(lambda: images)
    assert piece.images.shape == (2, 2, 3)
    decoder = ImageDecoder("set", ReadOptions())
    decoder.look([*images, encoded(2, b"broken"), encoded(3, png(9, mode="I;16"))])
    (piece,) = decoder.pieces(lambda: images)
    assert piece.images.shape == (2, 2, 3, 3)
    assert piece.images.dtype == np.uint16
    np.testing.assert_array_equal(piece.images[:, 0, 0], [[9 * 257] * 3, [65535, 0, 0]])
    assert decoder.notes() == [f"{TO_16} (2)", f"{TO_RGB} (1)"]


def test_broken_images() -> None:
    images = [encoded(3, b""), encoded(5, png(1))]
    with pytest.raises(DataError, match=r"3\.png: an image that can be decoded; got an empty file"):
        list(ImageDecoder("set", ReadOptions()).pieces(lambda: images))
    decoder = ImageDecoder("set", ReadOptions(skip_broken=True))
    (piece,) = decoder.pieces(lambda: images)
    assert piece.rows.tolist() == [5]
    assert decoder.broken == [BrokenImage("3.png", "an empty file")]


def test_sizes_are_counted() -> None:
    images = [encoded(row, png(0, (3, 2 + row % 7))) for row in range(2000)] + [encoded(2000, b"")]
    with pytest.raises(DataError) as error:
        list(ImageDecoder("set", ReadOptions()).pieces(lambda: images))
    assert "2,000 images of 7 sizes (height x width): 2 x 3 (286), " in str(error.value)
    assert str(error.value).endswith(", 2 more; give --size H W to resize them")
