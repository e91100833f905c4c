from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.run.index_map import NO_LABEL
from orchestrator.report.gallery import SUCCESSES, choose


def ledger(label: list[int], clean: list[int]) -> dict[str, Any]:
    """Successes alone."""
    count = len(label)
    return {
        "label": np.array(label),
        "clean_prediction": np.array(clean),
        "success": np.ones(count, bool),
        "fallback_reason": np.array([""] * count),
    }


@pytest.mark.parametrize("labelled", [True, False])
def test_classes_take_turns_by_label_or_else_by_clean_prediction(*, labelled: bool) -> None:
    classes = [0] * 30 + [1] * 2 + [2] * 2
    rows = ledger(classes, [3] * 34) if labelled else ledger([NO_LABEL] * 34, classes)
    chosen = choose(rows)
    assert chosen[:6] == [0, 30, 32, 1, 31, 33]
    assert len(chosen) == SUCCESSES
