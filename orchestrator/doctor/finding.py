"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Whether it is as it should be. A note is nothing that stops a run."""

    OK = "ok"
    NOTE = "note"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Finding:
    """One line for the user; where something is wrong, it ends with what to do about it."""

    level: Level
    name: str
    detail: str

    def __str__(self) -> str:
        return f"{self.level:<7} {self.name}: {' '.join(self.detail.split())}"


def ok(name: str, detail: str) -> Finding:
    """It is as it should be."""
    return Finding(Level.OK, name, detail)


def note(name: str, detail: str, advice: str) -> Finding:
    """A run goes on with it, but the user should know."""
    return Finding(Level.NOTE, name, f"{detail}; {advice}")


def failed(name: str, detail: str, advice: str) -> Finding:
    """A run would fail of it."""
    return Finding(Level.FAILED, name, f"{detail}; {advice}")
