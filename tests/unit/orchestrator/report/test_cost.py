from __future__ import annotations

import pytest

from core.attacks.base import Passes
from orchestrator.report.cost import cost_text, cpu_seconds, duration


def test_a_gradient_is_a_forward_pass_and_what_comes_back() -> None:
    assert cpu_seconds(Passes(5, 2), 10, 1.0, 3.0) == 10 * (5 * 1 + 2 * (3 - 1))
    assert cpu_seconds(Passes(5, 2), 10, 1.0, 0.5) == 10 * 5  # measured on a busy machine


def test_the_cost_in_words() -> None:
    said = cost_text(Passes(5, 2), 3600, (1.0, 3.0), 3)
    assert said == "5 forward and 2 backward passes an image at most: 9 h of CPU time, 3 h on 3 workers"
    assert cost_text(Passes(5, 2), 3600, (1.0, 3.0), None).endswith("9 h of CPU time")
    assert "does not say" in cost_text(None, 3600, (1.0, 3.0), 3)


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "1 s"), (90, "1.5 min"), (3600, "1 h"), (40 * 3600, "1.7 days"), (0, "under 1 s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
