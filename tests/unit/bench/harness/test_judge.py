"""The judge of adversarial images."""

from __future__ import annotations

import numpy as np

from bench.harness.judge import check


def test_the_judge_refuses_what_is_out_of_bounds() -> None:
    clean = np.full((2, 4, 4, 1), 0.5, np.float32)
    assert check(clean, clean + np.float32(0.1), 0.1) == ""
    assert "change" in check(clean, clean + np.float32(0.11), 0.1)
    assert "0..1" in check(clean, clean + np.float32(0.6), 1.0)
    assert "NaN" in check(clean, np.full_like(clean, np.nan), 0.1)
    assert "shape" in check(clean, clean[:1], 0.1)
