"""From the ledger's columns to the figures of the report."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.contracts import ClassFigures
from core.ledger import metric_names

_PLAIN = ("label", "clean_prediction", "adversarial_prediction", "success", "success_uint8", "steps")


class Figures:
    """Collects the columns that the figures need, shard by shard, in a few bytes an image."""

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[Any]]] = {name: [] for name in (*_PLAIN, *metric_names())}
        self._reasons: Counter[str] = Counter()

    def add(self, rows: pa.Table) -> None:
        """Take in some rows of the ledger."""
        for name, parts in self._parts.items():
            parts.append(rows.column(name).to_numpy())
        self._reasons.update(reason for reason in rows.column("fallback_reason").to_pylist() if reason)

    def totals(self) -> dict[str, Any]:
        """The figures over all images, by their names in the report."""
        columns = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        self._parts = {name: [column] for name, column in columns.items()}
        success, label = columns["success"], columns["label"]
        return {
            "n_images": len(label),
            "clean_accuracy": _share(columns["clean_prediction"] == label),
            "success_rate": _share(success),
            "error_rate": _share(columns["adversarial_prediction"] != label),
            "success_rate_uint8": _share(columns["success_uint8"]),
            "ssim_mean": mean(columns["ssim"]),
            "ssim_mean_success": mean(columns["ssim"][success]),
            "linf_max": float(columns["linf"].max()),
            "means": {name: mean(columns[name]) for name in metric_names()},
            "fallback_count": self._reasons.total(),
            "fallback_reasons": dict(sorted(self._reasons.items())),
            "unchanged_count": int((columns["linf"] == 0).sum()),
            "steps_mean": float(columns["steps"].mean()),
        }

    def by_class(self, names: tuple[str, ...]) -> list[ClassFigures]:
        """The figures of each label that occurs."""
        columns = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        result = []
        for label in np.unique(columns["label"]):
            chosen = columns["label"] == label
            result.append(
                ClassFigures(
                    label=int(label),
                    name=names[label] if label < len(names) else str(label),
                    count=int(chosen.sum()),
                    clean_accuracy=_share(columns["clean_prediction"][chosen] == label),
                    success_rate=_share(columns["success"][chosen]),
                    ssim_mean=mean(columns["ssim"][chosen]),
                )
            )
        return result


def mean(values: NDArray[np.float64]) -> float | None:
    """The mean, the same for any order of the values; None where there is none."""
    if not len(values) or np.isnan(values).any():
        return None
    return math.fsum(values) / len(values)


def _share(flags: NDArray[np.bool_]) -> float:
    return int(flags.sum()) / len(flags)
