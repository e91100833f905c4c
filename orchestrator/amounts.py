"""Amounts of change as users write them: ``0.03`` in units of the bounds, or ``8/255`` of the pixel range."""

from __future__ import annotations

import re
from typing import Any

import click

from orchestrator.planning.request import OfRange

_FRACTION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*255\s*")


def is_fraction(text: str) -> bool:
    """Whether the text has the form ``N/255``."""
    return _FRACTION.fullmatch(text) is not None


def fraction(text: str) -> OfRange:
    """The fraction of the pixel range that ``N/255`` stands for."""
    found = _FRACTION.fullmatch(text)
    if found is None:
        raise ValueError(f"not of the form N/255: {text!r}")
    return OfRange(float(found[1]) / 255)


class _Amount(click.ParamType[float]):
    name = "float|N/255"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """A float, or OfRange for ``N/255``."""
        if isinstance(value, float):
            return value
        if is_fraction(str(value)):
            return fraction(str(value))
        try:
            return float(value)
        except ValueError:
            return self.fail(f"expected a number, or N/255 for N of 255 levels; got {value!r}", param, ctx)


AMOUNT = _Amount()
