"""Computes the statistics of the report from the columns of the ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from core.gates.clean_accuracy import clean_accuracy
from core.gates.one_class import one_class
from core.reduce.exact_sum import ExactSum
from core.run.report import AttackStatistics, ClassStatistics, Gate
from core.shard.ledger import NO_TARGET, metric_names

_FLAGS = ("target", "clean_prediction", "adversarial_prediction", "success", "success_uint8", "steps")


@dataclass
class _Class:
    """The images of one label so far."""

    count: int = 0
    clean: int = 0
    robust: int = 0
    successes: int = 0
    ssim: ExactSum = field(default_factory=ExactSum)
    ssim_full: ExactSum = field(default_factory=ExactSum)


@dataclass
class _Attack:
    """The images that one attack made so far."""

    count: int = 0
    successes: int = 0
    linf_max: float = 0.0
    l2_max: float = 0.0


class Statistics:
    """The statistics of a ledger, added in batches of rows; it keeps counts and sums, not the rows.

    Either every row has a label, or none has: then there are no accuracies, no error rate and no classes.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._predicted: Counter[int] = Counter()
        self._sums = {name: ExactSum() for name in metric_names()}
        self._ssim_success = ExactSum()
        self._linf_max = -np.inf
        self._labelled = True
        self._classes: dict[int, _Class] = {}
        self._attacks: dict[str, _Attack] = {}

    def add(self, rows: pa.Table) -> None:
        """Add rows of the ledger."""
        if not len(rows):
            return
        columns = {name: rows.column(name).to_numpy() for name in (*_FLAGS, *metric_names())}
        success, linf = columns["success"], columns["linf"]
        self._counts.update(
            images=len(rows),
            success=_number(success),
            success_uint8=_number(columns["success_uint8"]),
            unchanged=_number(linf == 0),
            targeted=_number(columns["target"] != NO_TARGET),
            at_target=_number(columns["adversarial_prediction"] == columns["target"]),
            steps=int(columns["steps"].sum()),
        )
        found, numbers = np.unique(columns["clean_prediction"], return_counts=True)
        self._predicted.update(dict(zip(found.tolist(), numbers.tolist(), strict=True)))
        for name, total in self._sums.items():
            total.add(columns[name])
        self._ssim_success.add(columns["ssim"][success])
        self._linf_max = np.maximum(self._linf_max, linf.max())
        for reason in pc.value_counts(rows.column("fallback_reason")).to_pylist():
            if reason["values"]:
                self._reasons[reason["values"]] += reason["counts"]
        if rows.column("label").null_count:
            self._labelled = False
        else:
            self._add_labels(rows.column("label").to_numpy(), columns)
        self._add_attacks(rows)

    def _add_labels(self, labels: NDArray[np.int64], columns: dict[str, NDArray[Any]]) -> None:
        """Count what compares predictions with labels, and group by them."""
        right_before, right_after = (columns[f"{name}_prediction"] == labels for name in ("clean", "adversarial"))
        robust = right_before & right_after
        self._counts.update(clean=_number(right_before), robust=_number(robust), error=_number(~right_after))
        order = np.argsort(labels, kind="stable")
        classes, starts = np.unique(labels[order], return_index=True)
        for label, rows in zip(classes.tolist(), np.split(order, starts[1:]), strict=True):
            found = self._classes.setdefault(label, _Class())
            found.count += len(rows)
            found.clean += _number(right_before[rows])
            found.robust += _number(robust[rows])
            found.successes += _number(columns["success"][rows])
            found.ssim.add(columns["ssim"][rows])
            found.ssim_full.add(columns["ssim_full"][rows])

    def _add_attacks(self, rows: pa.Table) -> None:
        made = rows.group_by("attack", use_threads=False).aggregate(
            [("success", "count"), ("success", "sum"), ("linf", "max"), ("l2", "max")]
        )
        for row in made.to_pylist():
            found = self._attacks.setdefault(row["attack"], _Attack())
            found.count += row["success_count"]
            found.successes += row["success_sum"]
            found.linf_max = max(found.linf_max, row["linf_max"])
            found.l2_max = max(found.l2_max, row["l2_max"])

    def totals(self) -> dict[str, Any]:
        """The statistics over all images, by their names in the report."""
        counts, images = self._counts, self._counts["images"]
        means = {name: total.mean() for name, total in self._sums.items()}
        return {
            "n_images": images,
            "clean_accuracy": counts["clean"] / images if self._labelled else None,
            "robust_accuracy": counts["robust"] / images if self._labelled else None,
            "success_rate": counts["success"] / images,
            "error_rate": counts["error"] / images if self._labelled else None,
            "success_rate_uint8": counts["success_uint8"] / images,
            "target_rate": counts["at_target"] / counts["targeted"] if counts["targeted"] else None,
            "ssim_mean": means["ssim"],
            "ssim_mean_success": self._ssim_success.mean(),
            "ssim_full_mean": means["ssim_full"],
            "linf_max": float(self._linf_max),
            "means": means,
            "fallback_count": self._reasons.total(),
            "fallback_reasons": dict(sorted(self._reasons.items())),
            "unchanged_count": counts["unchanged"],
            "steps_mean": counts["steps"] / images,
        }

    def by_class(self, names: tuple[str, ...]) -> list[ClassStatistics] | None:
        """The statistics of each label that occurs; None without labels."""
        if not self._labelled:
            return None
        return [
            ClassStatistics(
                label=label,
                name=names[label] if label < len(names) else str(label),
                count=found.count,
                clean_accuracy=found.clean / found.count,
                robust_accuracy=found.robust / found.count,
                success_rate=found.successes / found.count,
                ssim_mean=found.ssim.mean(),
                ssim_full_mean=found.ssim_full.mean(),
            )
            for label, found in sorted(self._classes.items())
        ]

    def gates(self, classes: int, names: tuple[str, ...]) -> list[Gate]:
        """The checks of the set-up that predictions and labels allow, for a model with this number of classes."""
        labelled = {label: found.count for label, found in self._classes.items()} if self._labelled else None
        return [
            one_class(self._predicted, labelled, names),
            clean_accuracy(self._counts["clean"] if self._labelled else None, self._counts["images"], classes),
        ]

    def by_attack(self) -> list[AttackStatistics]:
        """The statistics of each attack that made an image."""
        return [AttackStatistics(attack=name, **vars(found)) for name, found in sorted(self._attacks.items())]


def _number(flags: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(flags))
