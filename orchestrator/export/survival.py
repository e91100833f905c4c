"""Counts what rounding to 8 bits does to the images of an export."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass
class Survival:
    """Counts over the images exported so far.

    Attributes:
        images: number of images.
        successes: those whose exact adversarial image is predicted as another class than the clean one.
        surviving: successes whose rounded image is, too.
        gained: images that only the rounded image moves to another class.
        rounded_originals: clean images with pixels between two 8-bit levels, which rounding changed.
    """

    images: int = 0
    successes: int = 0
    surviving: int = 0
    gained: int = 0
    rounded_originals: int = 0

    def add(self, rows: pa.Table) -> None:
        """Count rows of the ledger, whose ``success_uint8`` was measured on the rounded images."""
        exact, rounded = rows.column("success"), rows.column("success_uint8")
        self.images += len(rows)
        self.successes += _count(exact)
        self.surviving += _count(pc.and_(exact, rounded))
        self.gained += _count(pc.and_not(rounded, exact))

    def sentences(self) -> list[str]:
        """What a user of the images has to know, one sentence each."""
        found = [f"{self.surviving:,} of {self.successes:,} successes survive the rounding to 8 bits (success_uint8)."]
        if self.gained:
            found.append(f"{self.gained:,} images are successes only after the rounding.")
        if self.rounded_originals:
            found.append(
                f"{self.rounded_originals:,} originals were rounded too; clean_prediction is that of the exact ones."
            )
        return found


def _count(flags: pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)
