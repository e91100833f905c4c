"""What a benchmark found, as values: JSON in ``docs/benchmarks.json``, and the page made from it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Figure(BaseModel):
    """One figure, and the limit that it is held against: at most ``most``, or at least ``least``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: str
    value: float
    unit: str = ""
    most: float | None = None
    least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the limit holds; None where there is none."""
        if self.most is None and self.least is None:
            return None
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)


class Table(BaseModel):
    """Rows of text under their headings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: list[str]
    rows: list[list[str]]
    title: str = ""


class Result(BaseModel):
    """One benchmark. samples: what was measured, run by run; notes: paragraphs for the page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    command: str
    figures: list[Figure] = []
    tables: list[Table] = []
    notes: list[str] = []
    samples: dict[str, Any] = {}
    machine: dict[str, str] = {}
    took_seconds: float = 0.0


def merged(known: list[Result], found: Result, names: list[str]) -> list[Result]:
    """In the order of the names, with ``found`` in place of the same benchmark on the same processor."""
    results = {(each.name, each.machine["processor"]): each for each in [*known, found]}
    return sorted(results.values(), key=lambda each: names.index(each.name))
