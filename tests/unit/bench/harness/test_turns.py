"""Samples of processes that run alternately."""

from __future__ import annotations

from bench.harness import turns


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    assert turns.ratio([1, 2, 9], [2, 2, 3]) == 1  # 0.5, 1, 3: the machine was slow in the last round
