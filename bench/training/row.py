"""One row of the study's table, from its samples and the base's, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.training.results import Sample


@dataclass(frozen=True)
class Row:
    """A change and its results. differences: accuracy minus that of the base with the same seed."""

    change: str
    accuracies: tuple[float, ...]
    differences: tuple[float, ...]
    epochs: float
    cpu_seconds: float

    @classmethod
    def of(cls, change: str, samples: Sequence[Sample], base: Sequence[Sample]) -> Row:
        """The row of samples, whose seeds and order are those of the base."""
        accuracies = tuple(sample.accuracy for sample in samples)
        return cls(
            change,
            accuracies,
            tuple(own - other.accuracy for own, other in zip(accuracies, base, strict=True)),
            fmean(sample.epochs for sample in samples),
            fmean(sample.cpu_seconds for sample in samples),
        )

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` where all seeds agree on it, else ``undecided``."""
        if min(self.differences) > 0:
            return "better"
        return "worse" if max(self.differences) < 0 else "undecided"

    def cells(self) -> list[str]:
        """The row's text under the page's headings."""
        return [
            self.change,
            f"{fmean(self.accuracies):.4f}",
            f"{min(self.accuracies):.4f}..{max(self.accuracies):.4f}",
            f"{fmean(self.differences):+.4f}",
            f"{min(self.differences):+.4f}..{max(self.differences):+.4f}",
            self.verdict if any(self.differences) else "",
            f"{self.epochs:.1f}",
            f"{self.cpu_seconds:.0f}",
        ]
