"""Maps an image to its indices and labels by a digest of its content.

An image has the same digest as uint8 and as the floats that came from it: floats that all lie on
8-bit levels (to 1e-3 of a level) are hashed as those levels. Equal images are all kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import IO

import numpy as np
from numpy.typing import NDArray

from core.errors import IntegrityError

NO_LABEL = -1  # of an image in a set without labels
_ARRAYS = ("digests", "index", "label", "attack_label")


@dataclass(frozen=True)
class IndexMap:
    """The images of a data set, sorted by digest.

    Attributes:
        digests: (N, 32) uint8, sorted; equal images are adjacent, in the order of their indices.
        index: (N,) int64, each image's index in the data set.
        label: (N,) int64, its label; -1 (NO_LABEL) in a set without labels.
        attack_label: (N,) int64, the prediction on its adversarial example.
    """

    digests: NDArray[np.uint8]
    index: NDArray[np.int64]
    label: NDArray[np.int64]
    attack_label: NDArray[np.int64]

    @classmethod
    def build(cls, found: list[bytes], labels: NDArray[np.int64], attack_labels: NDArray[np.int64]) -> IndexMap:
        """The map of images 0 to N - 1.

        Args:
            found: N digests of 32 bytes.
            labels, attack_labels: (N,).
        """
        table = np.frombuffer(b"".join(found), np.uint8).reshape(-1, 32)
        # Sorting by the digest as four big-endian numbers is sorting by its bytes.
        keys = table.view(">u8")
        order = np.lexsort((np.arange(len(table)), *(keys[:, i] for i in (3, 2, 1, 0))))
        return cls(table[order], order.astype(np.int64), labels[order], attack_labels[order])

    def find(self, digest: bytes) -> NDArray[np.int64]:
        """The indices of all images with this digest, ascending; empty if there is none."""
        return self.index[self._rows(digest)]

    def first_rows(self, found: list[bytes]) -> NDArray[np.int64]:
        """The row (n,) of the first image with each of n digests of 32 bytes, -1 where there is none."""
        wanted = np.frombuffer(b"".join(found), np.uint8).reshape(-1, 32)
        keys = wanted.view(">u8")[:, 0].astype(np.uint64)
        rows = np.searchsorted(self._first, keys)
        begins = np.zeros(len(rows), bool)
        inside = np.flatnonzero(rows < len(self._first))
        begins[inside] = self._first[rows[inside]] == keys[inside]
        same = begins.copy()
        same[begins] = (self.digests[rows[begins]] == wanted[begins]).all(axis=1)
        for place in np.flatnonzero(begins & ~same):  # digests that are alike in their first eight bytes
            exact = self._rows(found[place])
            rows[place], same[place] = exact.start, exact.stop > exact.start
        return np.where(same, rows, -1)

    @property
    def duplicates(self) -> int:
        """The number of images that are equal to an earlier one."""
        return int((self.digests[1:] == self.digests[:-1]).all(axis=1).sum())

    def save(self, file: IO[bytes]) -> None:
        """Write the arrays to an .npz file."""
        np.savez(file, **{name: getattr(self, name) for name in _ARRAYS})

    @classmethod
    def load(cls, file: IO[bytes]) -> IndexMap:
        """Read an .npz file that ``save`` wrote, without unpickling; raises IntegrityError."""
        try:
            with np.load(file, allow_pickle=False) as archive:
                # A member without the .npy magic comes as bytes.
                found = cls(*(np.asarray(archive[name]) for name in _ARRAYS))
        except Exception as error:  # noqa: BLE001 - zipfile, zlib and NumPy raise various exceptions for invalid files
            raise IntegrityError(f"not an index map: {type(error).__name__}: {error}") from None
        count = len(found.index) if found.index.ndim else 0
        arrays = [getattr(found, name) for name in _ARRAYS]
        shapes, types = [array.shape for array in arrays], [array.dtype.str for array in arrays]
        if shapes != [(count, 32), *3 * [(count,)]] or types != ["|u1", *3 * ["<i8"]]:
            raise IntegrityError(f"not an index map: arrays of shapes {shapes} and types {types}")
        return found

    @cached_property
    def _first(self) -> NDArray[np.uint64]:
        """The first eight bytes of each digest as a number."""
        return self.digests.view(">u8")[:, 0].astype(np.uint64)

    def _rows(self, digest: bytes) -> slice:
        key = np.uint64(int.from_bytes(digest[:8], "big"))
        low, high = (int(np.searchsorted(self._first, key, side)) for side in ("left", "right"))
        wanted = np.frombuffer(digest, np.uint8)
        matching = np.flatnonzero((self.digests[low:high] == wanted).all(axis=1))
        if not len(matching):
            return slice(low, low)
        return slice(low + int(matching[0]), low + int(matching[-1]) + 1)
