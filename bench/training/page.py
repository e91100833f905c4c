"""From the rows to ``docs/training.md``."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from bench.harness.page import table
from bench.harness.results import Table
from bench.training.changes import EPOCHS, IMAGES, SEEDS, VALIDATION
from bench.training.reading import READING
from bench.training.row import Row
from core.models.files.card import ZOO, ModelCard

# Test accuracies in the source experiment's notes.
_SOURCE = {"mlp": "0.8871", "cnn": "0.9176, 0.9149 when run again"}
_COLUMNS = (
    "change", "accuracy", "least..most", "difference", "least..most", "with every seed", "epochs", "CPU s"
)  # fmt: skip


def page(rows: Sequence[Row], processor: str) -> str:
    """The page, as Markdown; processor: what the trainings ran on."""
    parts = [
        "# What each option of `train` is worth",
        "`python -m bench training` wrote this page. `training.json` beside it has every training; one that is in it is"
        f" not repeated. Measured on {processor}, with one thread, on a machine that was also doing other work.",
        "The base is the source's CNN (dropout 0.2) with Adam at 0.001 and nothing else:"
        f" {IMAGES - VALIDATION:,} images, {EPOCHS} epochs in batches of 128. Each row changes one thing. Accuracy is"
        f" measured on {VALIDATION:,} other training images, held out; no test image is used. A row is the mean of"
        f" {len(SEEDS)} seeds. A seed draws the split, the order and the initial weights, so a change is compared with"
        " the base seed by seed, and *difference* is the mean of these comparisons. *Better* and *worse* mean that"
        " all seeds agree.",
        table(Table(columns=list(_COLUMNS), rows=[row.cells() for row in rows])),
        _chance(rows),
        *READING,
        "## The shipped models beside the source's",
        "Test accuracy. The cards in `core/models/zoo` hold ours, with the command that reproduces the model.",
        table(Table(columns=["model", "source", "ours", "command"], rows=[_shipped(name) for name in _SOURCE])),
    ]
    return "\n\n".join(textwrap.fill(part, 120) if isinstance(part, str) else "\n".join(part) for part in parts) + "\n"


def _chance(rows: Sequence[Row]) -> str:
    changes = [row for row in rows if any(row.differences)]
    counts = {name: sum(row.verdict == name for row in changes) for name in ("better", "worse", "undecided")}
    found = ", ".join(f"{count} {name}" for name, count in counts.items())
    alike = 2 * 0.5 ** len(SEEDS)
    return (
        f"Of {len(changes)} changes: {found}. Of changes without any effect, {alike:.0%} would have all seeds agree"
        " by chance, so a small difference is not evidence even then."
    )


def _shipped(name: str) -> list[str]:
    card = ModelCard.model_validate_json((ZOO / f"{name}.json").read_text())
    return [name, _SOURCE[name], f"{card.test_accuracy:.4f}", f"`{card.command}`"]
