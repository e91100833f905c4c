"""The study of the training options: its arithmetic, its page, and that it resumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.harness.page import DOCS
from bench.training.changes import CHANGES, SEEDS, config
from bench.training.page import page
from bench.training.results import Results, Sample
from bench.training.row import Row
from bench.training.study import measure
from core.datasets.base import ImageSet
from core.models.training import TrainConfig


def samples(*accuracies: float) -> list[Sample]:
    return [
        Sample(accuracy=accuracy, epochs=10 - number, cpu_seconds=20.0 + number)
        for number, accuracy in enumerate(accuracies)
    ]


BASE = samples(0.5, 0.75, 0.625)


def test_a_row_compares_seed_by_seed() -> None:
    row = Row.of("less", samples(0.375, 0.5, 0.375), BASE)
    assert row.differences == (-0.125, -0.25, -0.25)
    assert row.cells() == [
        "less", "0.4167", "0.3750..0.5000", "-0.2083", "-0.2500..-0.1250", "worse", "9.0", "21",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [
        ((0.501, 0.751, 0.626), "better"),
        ((0.499, 0.749, 0.624), "worse"),
        ((0.9, 0.9, 0.625), "undecided"),
        ((0.1, 0.1, 0.626), "undecided"),
    ],
)
def test_a_verdict_is_what_all_seeds_say(accuracies: tuple[float, ...], verdict: str) -> None:
    assert Row.of("change", samples(*accuracies), BASE).verdict == verdict


def test_the_page_counts_changes_but_not_the_base() -> None:
    rows = [Row.of("base", BASE, BASE), Row.of("more", samples(0.6, 0.8, 0.7), BASE)]
    text = page(rows, "a processor").replace("\n", " ")
    assert "Of 1 changes: 1 better, 0 worse, 0 undecided. Of changes without any effect, 25% would" in text
    assert "| cnn | 0.9176, 0.9149 when run again | 0.9336 |" in text


def test_the_page_in_docs_is_made_from_the_results_beside_it() -> None:
    kept = Results(DOCS / "training.json")

    def done(change: str) -> list[Sample]:
        found = [kept.get(config(change, seed)) for seed in SEEDS]
        return [sample for sample in found if sample]

    rows = [Row.of(change, done(change), done("base")) for change in CHANGES]
    text = (DOCS / "training.md").read_text()
    assert text == page(rows, text.replace("\n", " ").partition("Measured on ")[2].partition(", with one thread")[0])


def test_results_are_kept_for_the_configuration_that_they_are_of(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.json")
    results.add(config("base", 0), BASE[0])
    results.add(config("base", 1), BASE[1])
    again = Results(tmp_path / "results.json")
    assert [again.get(config("base", seed)) for seed in (0, 1, 2)] == [BASE[0], BASE[1], None]
    assert again.get(config("dropout 0", 0)) is None


def test_every_change_is_a_training_of_its_own() -> None:
    assert config("base", SEEDS[0]).model == "cnn"
    assert len({config(change, seed).model_dump_json() for change in CHANGES for seed in SEEDS}) == len(CHANGES) * 3


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_early_stopping_counts_with_its_best_epoch() -> None:
    """Labels without a reason, so that the last epoch isn't the best."""
    rng = np.random.default_rng(0)
    noise = ImageSet("noise", rng.random((120, 6, 5, 1), np.float32), rng.integers(0, 3, 120))
    plain = TrainConfig(model="mlp", epochs=30, schedule="none", augment=False, validation=60)
    stopped = measure(plain.model_copy(update={"early_stopping": 3}), noise)
    assert stopped.epochs < 30
    best = measure(plain.model_copy(update={"epochs": stopped.epochs - 3}), noise)
    assert stopped.accuracy == best.accuracy
