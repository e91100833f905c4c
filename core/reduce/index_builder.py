"""Builds the index map of any number of images with only a part of it in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from core.storage.npy_header import npy_header

_BITS = 6  # of a digest, that tell its bucket
IN_MEMORY = 1 << 20  # bytes of a bucket, before it goes to a temporary file
_ROW = np.dtype([("digests", "u1", 32), ("index", "<i8"), ("label", "<i8"), ("attack_label", "<i8")])


class IndexBuilder:
    """Sorts the images into 64 buckets by the first bits of their digests, and then each bucket by itself.

    The file that it saves equals that of ``IndexMap.build``, byte for byte.
    """

    def __init__(self) -> None:
        self._buckets = [SpooledTemporaryFile[bytes](max_size=IN_MEMORY) for _ in range(1 << _BITS)]
        self._count = 0
        self._duplicates: int | None = None

    def add(
        self,
        digests: NDArray[np.uint8],
        indices: NDArray[np.int64],
        labels: NDArray[np.int64],
        attack_labels: NDArray[np.int64],
    ) -> None:
        """Add n images.

        Args:
            digests: (n, 32) uint8.
            indices: (n,), increasing from call to call.
            labels: (n,), NO_LABEL in a set without labels.
            attack_labels: (n,), the predictions on the adversarial examples.
        """
        rows = np.empty(len(digests), _ROW)
        rows["digests"], rows["index"], rows["label"], rows["attack_label"] = digests, indices, labels, attack_labels
        places = digests[:, 0] >> (8 - _BITS)
        order = np.argsort(places, kind="stable")
        ends = np.searchsorted(places[order], np.arange(1 << _BITS), "right")
        for bucket, chosen in zip(self._buckets, np.split(order, ends[:-1]), strict=True):
            bucket.write(rows[chosen].tobytes())
        self._count += len(rows)

    def duplicates(self) -> int:
        """The number of images equal to an earlier one. No image can be added after this."""
        if self._duplicates is None:
            self._duplicates = sum(_sort(bucket) for bucket in self._buckets)
        return self._duplicates

    def save(self, file: IO[bytes]) -> None:
        """Write the .npz file of ``IndexMap``. It can be called again."""
        self.duplicates()
        with zipfile.ZipFile(file, "w") as archive:
            for name in _ROW.names or ():
                kind = _ROW[name]
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    member.write(npy_header((self._count, *kind.shape), kind.base))
                    for rows in self._rows():
                        member.write(np.ascontiguousarray(rows[name]).tobytes())

    def close(self) -> None:
        """Remove the temporary files."""
        for bucket in self._buckets:
            bucket.close()

    def _rows(self) -> Iterator[NDArray[Any]]:
        for bucket in self._buckets:
            yield _read(bucket)


def _sort(bucket: SpooledTemporaryFile[bytes]) -> int:
    """Sort a bucket by the digests, equal ones in the order of their indices; the number of those."""
    rows = _read(bucket)
    # Sorting by the digest as four big-endian numbers is sorting by its bytes.
    keys = np.ascontiguousarray(rows["digests"]).view(">u8").astype(np.uint64)
    order = np.lexsort(tuple(keys[:, i] for i in (3, 2, 1, 0)))
    bucket.seek(0)
    bucket.write(rows[order].tobytes())
    return int((keys[order[1:]] == keys[order[:-1]]).all(axis=1).sum())


def _read(bucket: SpooledTemporaryFile[bytes]) -> NDArray[Any]:
    bucket.seek(0)
    return np.frombuffer(bucket.read(), _ROW)
