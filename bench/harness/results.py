"""What a section measured, as values: they are kept as JSON, and its page is made from them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Statistic(BaseModel):
    """One number with its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: str
    value: float
    unit: str = ""


class Table(BaseModel):
    """Rows of text under their headings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: list[str]
    rows: list[list[str]]
    title: str = ""


class Result(BaseModel):
    """One section. samples: what was measured, run by run; notes: paragraphs for the page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    command: str
    statistics: list[Statistic] = []
    tables: list[Table] = []
    notes: list[str] = []
    samples: dict[str, Any] = {}
    machine: dict[str, str] = {}
    took_seconds: float = 0.0


def merged(known: list[Result], found: Result, names: list[str]) -> list[Result]:
    """The results in the order of the names; ``found`` replaces the same section's on the same processor."""
    results = {(each.name, each.machine["processor"]): each for each in [*known, found]}
    return sorted(results.values(), key=lambda each: names.index(each.name))
