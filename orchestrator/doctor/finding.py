"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """The severity of a finding. A note does not prevent a run."""

    OK = "ok"
    NOTE = "note"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Finding:
    """One line of the report. The detail of a note or a failure ends with advice."""

    level: Level
    name: str
    detail: str

    def __str__(self) -> str:
        return f"{self.level:<7} {self.name}: {' '.join(self.detail.split())}"


def ok(name: str, detail: str) -> Finding:
    """Make a finding of a check that passed."""
    return Finding(Level.OK, name, detail)


def note(name: str, detail: str, advice: str) -> Finding:
    """Make a finding that does not prevent a run."""
    return Finding(Level.NOTE, name, f"{detail}; {advice}")


def failed(name: str, detail: str, advice: str) -> Finding:
    """Make a finding that would make a run fail."""
    return Finding(Level.FAILED, name, f"{detail}; {advice}")
