"""Decides from all pixels of a set what their numbers mean: 8-bit levels, 16-bit levels, or floats in a range.

The type of a set tells little: floats may be 0..1, 0..255 or within the model's bounds. The pieces are kept as uint8 or
float32 while they are read, and converted once, when the range of the whole set is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.image.pixels import Bounds

LEVELS, WIDE = 255, 65535  # the highest 8-bit and 16-bit level
_NEAR = 1e-3  # of a level, as in core.image.digest
Kind = Literal["levels", "wide", "float"]


@dataclass(frozen=True)
class Reading:
    """What the pixels mean.

    Attributes:
        dtype: of the converted images, ``uint8`` or ``float32``.
        convert: turns the kept pixels into it; None if they are it already.
        notes: one sentence for each choice that was made.
    """

    dtype: Literal["uint8", "float32"]
    convert: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    notes: tuple[str, ...] = ()


class PixelRange:
    """Collects the range of a set's pixels.

    Args:
        name: the set's name, which starts each error message.
        bounds: lowest and highest pixel value that the model takes.
        stated: whether the user or the model says so; otherwise they are a guess.
    """

    def __init__(self, name: str, bounds: Bounds, *, stated: bool) -> None:
        self._name, self._bounds, self._stated = name, bounds, stated
        self.kind: Kind | None = None
        self._low, self._high = np.inf, -np.inf
        self._outside: int | None = None  # the first image with a pixel outside the bounds
        self._binary = True  # integers, none above 1
        self._whole = True  # floats: no fractions
        self._wide_levels = True  # 16-bit pixels: all on 8-bit levels
        self._notes: dict[str, None] = {}
        self._on_bounds = self._on_unit = True  # floats: all on 8-bit levels of the bounds, of 0..1

    def kind_of(self, images: NDArray[Any]) -> Kind:
        """What pixels of this type are kept as; raises DataError for a type that can't be pixels."""
        if images.dtype.kind == "f":
            return "float"
        if images.dtype == np.uint16:
            return "wide"
        if images.dtype.kind in "biu":
            return "levels"
        raise DataError(
            f"{self._name}: images of type uint8 (0..255) or float",
            f"type {images.dtype}",
            "use images.astype('uint8') for whole numbers in 0..255",
        )

    def add(self, rows: NDArray[np.int64], images: NDArray[Any]) -> NDArray[Any]:
        """Take in n images and return what is to be kept of them.

        Args:
            rows: (n,), the images' positions, for error messages.
            images: (n, H, W, C), any numeric type.

        Returns:
            (n, H, W, C) uint8 for integers in 0..255; float32 in 0..1 for 16-bit ones; float32 as they are for floats.

        Raises:
            DataError: pixels are not finite, of a strange type, or of another kind than those before.
        """
        kind = self.kind_of(images)
        if "float" in {kind, self.kind} and self.kind not in {None, kind}:
            raise DataError(f"{self._name}: images of one type", "integers and floats", "store them alike")
        if self.kind != "wide":
            self.kind = kind
        if kind == "levels":
            return self._levels(rows, images)
        if kind == "wide":
            self._binary = False
            self._high = max(self._high, int(images.max()))
            self._wide_levels = self._wide_levels and bool((images % (WIDE // LEVELS) == 0).all())
            return np.asarray(images / np.float32(WIDE), np.float32)
        return self._floats(rows, images)

    def _levels(self, rows: NDArray[np.int64], images: NDArray[Any]) -> NDArray[Any]:
        if images.dtype.kind == "b":
            self._binary = False
            levels = images.astype(np.uint8) * np.uint8(LEVELS)
            self._notes["the pixels of type bool were read as black and white"] = None
        else:
            low, high = int(images.min()), int(images.max())
            if low < 0 or high > LEVELS:
                place = np.argwhere((images < 0) | (images > LEVELS))[0][0]
                raise DataError(
                    f"{self._name}: integer pixels in 0..255",
                    f"{low}..{high} (first in image {rows[place]})",
                    "scale them, or store 16-bit pixels as uint16",
                )
            levels = images.astype(np.uint8, copy=False)
            if images.dtype != np.uint8:
                self._notes[f"the integers of type {images.dtype} were read as 8-bit levels"] = None
            self._low, self._high = min(self._low, low), max(self._high, high)
        return levels / np.float32(LEVELS) if self.kind == "wide" else levels

    def _floats(self, rows: NDArray[np.int64], images: NDArray[Any]) -> NDArray[Any]:
        finite = np.isfinite(images)
        if not finite.all():
            raise DataError(
                f"{self._name}: finite pixels",
                f"NaN or infinity in image {rows[int(np.argwhere(~finite)[0][0])]}",
                "repair or remove that image",
            )
        low, high = self._bounds
        self._low, self._high = min(self._low, float(images.min())), max(self._high, float(images.max()))
        if self._outside is None and (images.min() < low or images.max() > high):
            self._outside = int(rows[int(np.argwhere((images < low) | (images > high))[0][0])])
        kept = images.astype(np.float32)
        wide = kept.astype(np.float64)
        self._whole = self._whole and bool((kept == np.rint(kept)).all())
        self._on_bounds = self._on_bounds and _on_levels((wide - low) / (high - low) * LEVELS)
        self._on_unit = self._on_unit and _on_levels(wide * LEVELS)
        return kept

    def reading(self) -> Reading:
        """What the pixels mean; raises DataError if they fit nothing, or two readings alike."""
        if self.kind == "levels":
            return self._read_levels()
        if self.kind == "wide":
            return self._read_wide()
        low, high = self._bounds
        unit = self._low >= 0 and self._high <= 1
        if unit and self._stated and (low, high) == (0, LEVELS):
            note = ("the floats in 0..1 were scaled to 0..255",)
            return self._scaled(_unit_levels, note) if self._on_unit else self._scaled(None, note)
        if self._outside is None:
            return self._read_within()
        whole = self._whole and self._low >= 0 and self._high <= LEVELS
        if whole and self._stated:
            return Reading("uint8", _rounded, ("the whole numbers in 0..255 were read as 8-bit levels",))
        found = f"{self._low:g}..{self._high:g} (first in image {self._outside})"
        if whole:
            raise DataError(
                f"{self._name}: float pixels within the bounds {low:g}..{high:g}",
                f"{found}, which the model could take as they are or scaled to {low:g}..{high:g}",
                f"give --bounds 0 255 for the first, --bounds {low:g} {high:g} for the second",
            )
        raise DataError(
            f"{self._name}: float pixels within the bounds {low:g}..{high:g}",
            found,
            "give --bounds LO HI as your model expects them, or scale the images",
        )

    def _read_levels(self) -> Reading:
        if self._binary and self._high == 1:
            raise DataError(
                f"{self._name}: pixels in 0..255",
                "the integers 0 and 1 alone, which could be black and white or the two darkest of 256 levels",
                "store black and white as bool, or multiply it by 255",
            )
        return Reading("uint8", None, tuple(self._notes))

    def _read_wide(self) -> Reading:
        if self._high <= LEVELS:
            note = ("the 16-bit integers, none above 255, were read as 8-bit levels",)
            return Reading("uint8", lambda kept: np.rint(kept * np.float32(WIDE)).astype(np.uint8), note)
        note = ("the 16-bit pixels were scaled from 0..65535",)
        return self._scaled(_unit_levels if self._wide_levels else None, note)

    def _read_within(self) -> Reading:
        low, high = self._bounds
        notes: tuple[str, ...] = ()
        if low < 0 <= self._low and self._high > 0:
            notes = (f"no pixel is below 0, though the bounds are {low:g}..{high:g}: are the images scaled to them?",)
        if not self._on_bounds:
            return Reading("float32", lambda kept: np.clip(kept, np.float32(low), np.float32(high)), notes)

        def levels(kept: NDArray[Any]) -> NDArray[Any]:
            return np.rint((kept.astype(np.float64) - low) / (high - low) * LEVELS).astype(np.uint8)

        return Reading("uint8", levels, notes)

    def _scaled(self, levels: Callable[[NDArray[Any]], NDArray[Any]] | None, notes: tuple[str, ...]) -> Reading:
        """Pixels in 0..1, as levels or scaled to the bounds."""
        if levels is not None:
            return Reading("uint8", levels, notes)
        low, high = self._bounds
        return Reading("float32", lambda kept: (low + kept.astype(np.float64) * (high - low)).astype(np.float32), notes)


def _on_levels(levels: NDArray[np.float64]) -> bool:
    return bool((np.abs(levels - np.rint(levels)) < _NEAR).all())


def _unit_levels(kept: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.rint(kept.astype(np.float64) * LEVELS), np.uint8)


def _rounded(kept: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.rint(kept), np.uint8)
