from __future__ import annotations

import pytest

from orchestrator.report.statistic_text import statistic_text
from tests.documents import REPORT

BARE = REPORT.model_copy(update={"clean_accuracy": None, "robust_accuracy": None, "error_rate": None, "classes": None})


@pytest.mark.parametrize(
    ("name", "labelled", "bare"),
    [
        ("clean_accuracy", "0.9000", "no labels"),
        ("robust_accuracy", "0.4000", "no labels"),
        ("error_rate", "0.6000", "no labels"),
        ("success_rate", "0.5000", "0.5000"),
        ("ssim_mean_success", "not defined", "not defined"),
        ("n_images", "10", "10"),
    ],
)
def test_a_number_or_why_there_is_none(name: str, labelled: str, bare: str) -> None:
    assert statistic_text(REPORT, name) == labelled
    assert statistic_text(BARE, name) == bare
