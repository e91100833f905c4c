"""Decodes many encoded images with all cores, in order and in bounded memory."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.files.decode import MAX_BYTES, Header, decode, read_header
from core.datasets.files.pixel_form import PixelForm
from core.datasets.source import PIECE_BYTES, BrokenImage, Piece, ReadOptions
from core.errors import DataError

_AHEAD_BYTES = 4 * PIECE_BYTES  # of decoded images that wait for their turn
_SIZES_SHOWN = 5


@dataclass(frozen=True)
class Encoded:
    """An image that can be read.

    Attributes:
        row: its position in the source.
        name: for messages.
        open: returns its encoded content.
    """

    row: int
    name: str
    open: Callable[[], IO[bytes]]


class ImageDecoder:
    """The encoded images of one set as pieces.

    Threads decode, since Pillow releases the interpreter's lock meanwhile. Processes are slower: they have to pass the
    pixels on.

    Args:
        name: of the set, for messages.
        options: the size to resize to, and whether broken images are left out.
        readers: images that are fetched at the same time; None for one per core, which suits local files.

    Attributes:
        broken: the images that were left out.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> def encoded(row, grey):
        ...     file = io.BytesIO()
        ...     Image.new("L", (3, 2), grey).save(file, "PNG")
        ...     return Encoded(row, f"{row}.png", lambda: io.BytesIO(file.getvalue()))
        >>> decoder = ImageDecoder("two images", ReadOptions())
        >>> [piece.images.shape for piece in decoder.pieces(lambda: [encoded(0, 7), encoded(1, 9)])]
        [(2, 2, 3)]
    """

    def __init__(self, name: str, options: ReadOptions, readers: int | None = None) -> None:
        self.broken: list[BrokenImage] = []
        self._name, self._options = name, options
        self._cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._readers = readers or self._cores
        self._ahead = 1  # images that are decoded before their turn: one until its size is known
        self._left_out: set[int] = set()
        self._form: PixelForm | None = None
        self._remarks: dict[str, bytearray] = {}  # 1 for each row that one applies to

    def notes(self) -> list[str]:
        """The readings taken so far, each with the number of images it was taken for."""
        return [f"{remark} ({rows.count(1):,})" for remark, rows in self._remarks.items()]

    def look(self, images: Iterable[Encoded]) -> None:
        """Choose the form that holds each of these images without loss; otherwise the first decoded image's is taken.

        Args:
            images: some of the set. Broken ones are passed over.
        """
        seen = self._headers(images)
        if seen:
            self._form = PixelForm.holding(seen)

    def pieces(self, images: Callable[[], Iterable[Encoded]]) -> Iterator[Piece]:
        """Decode images.

        Args:
            images: returns them, ascending by row. It is called again if they have different sizes, to count these.

        Yields:
            The images (n, H, W) or (n, H, W, 3), about ``PIECE_BYTES`` at a time.

        Raises:
            DataError: an image is broken and not to be left out, or they have different sizes.
        """
        rows: list[int] = []
        waiting: list[NDArray[Any]] = []
        shape: tuple[int, ...] = ()
        with closing(self._decoded(images())) as decoded:
            for row, pixels in decoded:
                shape = shape or pixels.shape
                if pixels.shape != shape:
                    raise self._sizes(images())
                rows.append(row)
                waiting.append(pixels)
                if len(rows) * pixels.nbytes >= PIECE_BYTES:
                    yield Piece(np.array(rows, np.int64), np.stack(waiting))
                    rows, waiting = [], []
        if rows:
            yield Piece(np.array(rows, np.int64), np.stack(waiting))

    def _decoded(self, images: Iterable[Encoded]) -> Generator[tuple[int, NDArray[Any]], None, None]:
        """The rows and pixels of those that aren't broken, in the set's form."""
        decoding = BoundedSemaphore(self._cores)

        def read(image: Encoded) -> Any:
            content = _content(image)
            with decoding:
                try:
                    return image, decode(image.name, content, self._options.size)
                except DataError as error:
                    return image, error

        with closing(self._in_order(read, images, lambda: self._ahead)) as results:
            for image, found in results:
                if isinstance(found, DataError):
                    if not self._options.skip_broken:
                        raise found
                    if image.row not in self._left_out:
                        self._left_out.add(image.row)
                        self.broken.append(BrokenImage(image.name, found.got))
                    continue
                self._form = self._form or PixelForm.of(found.pixels)
                fitted = self._form.fit(found)
                for remark in fitted.remarks:
                    rows = self._remarks.setdefault(remark, bytearray())
                    rows.extend(bytes(max(0, image.row + 1 - len(rows))))
                    rows[image.row] = 1
                self._ahead = max(1, min(2 * self._readers, _AHEAD_BYTES // fitted.pixels.nbytes))
                yield image.row, fitted.pixels

    def _headers(self, images: Iterable[Encoded]) -> list[Header]:
        found = self._in_order(_header, images, lambda: 2 * self._readers)
        return [header for header in found if header is not None]

    def _in_order(
        self, function: Callable[[Encoded], Any], images: Iterable[Encoded], ahead: Callable[[], int]
    ) -> Generator[Any, None, None]:
        """The results of a function that runs in threads, in the order of the images; ``ahead`` are begun at most."""
        pending: deque[Future[Any]] = deque()
        with ThreadPoolExecutor(self._readers) as threads:
            try:
                for image in images:
                    pending.append(threads.submit(function, image))
                    while len(pending) >= ahead():
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()

    def _sizes(self, images: Iterable[Encoded]) -> DataError:
        headers = self._headers(images)
        sizes = Counter(header.size for header in headers).most_common()
        shown = [f"{height} x {width} ({count:,})" for (height, width), count in sizes[:_SIZES_SHOWN]]
        rest = [f"{len(sizes) - _SIZES_SHOWN:,} more"] if len(sizes) > _SIZES_SHOWN else []
        return DataError(
            f"{self._name}: images of one size",
            f"{len(headers):,} images of {len(sizes):,} sizes (height x width): {', '.join([*shown, *rest])}",
            "give --size H W to resize them",
        )


def _content(image: Encoded) -> bytes:
    """Read an image's content. A failure isn't a broken image: it may pass, and the result must not depend on it."""
    try:
        with image.open() as file:
            return file.read(MAX_BYTES + 1)
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - each file system raises its own exceptions
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DataError(f"{image.name}: a readable file", reason, "check the path given to --data") from None


def _header(image: Encoded) -> Header | None:
    with image.open() as file:
        try:
            return read_header(image.name, file)
        except DataError:
            return None
