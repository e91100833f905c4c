"""The comparison on models of real size: whom we are compared with, and what is said of it."""

from __future__ import annotations

import pytest

from bench.harness import turns
from bench.harness.entrants import DEFAULT, EARLY_STOP, EVERY_STEP, LEAN, PEERS, PLAIN, Entrant
from bench.sections import engine, real


def row(entrant: Entrant, cpu: list[float], memory: float = 1000.0, wrong: str = "") -> engine.Row:
    said = [{"cpu_seconds": each, "batch": 4, "peak_mb": memory, "versions": {"x": "1"}} for each in cpu]
    samples = [turns.Sample(1.0, 1.0, 1.0, each) for each in said]
    return engine.Row(entrant, {LEAN: samples, "wide": []}, [{"success": 0.9, "wrong": wrong}])


OURS = [row(EVERY_STEP, [4, 6]), row(EARLY_STOP, [2, 3]), row(DEFAULT, [3, 4])]


def test_the_loop_without_a_library_stands_in_where_none_is_installed() -> None:
    plain = row(PLAIN, [8, 8])
    assert real.best_of_others([*OURS, plain]) is plain
    peer = row(PEERS[0], [9, 9])
    assert real.best_of_others([*OURS, plain, peer]) is peer
    assert real.best_of_others([*OURS, plain, row(PEERS[0], [1, 1], wrong="NaN")]) is plain


def test_ratios_are_of_rounds_and_a_library_that_left_after_one_round_has_its_own() -> None:
    best = row(PEERS[0], [8, 10], memory=2000.0)
    found = {each.what: each.value for each in real.statistics("M", [*OURS, best, row(PEERS[2], [40])])}
    assert found["M, the same steps: CPU time, relative to CleverHans"] == pytest.approx((4 / 8 + 6 / 10) / 2)
    assert found["M, early stop: CPU time, relative to CleverHans"] == pytest.approx((2 / 8 + 3 / 10) / 2)
    assert found["M: peak memory, relative to CleverHans"] == 0.5
    cells = real.table("M", [*OURS, best, row(PEERS[2], [40])]).rows
    assert [each[3] for each in cells] == ["0.55", "0.28", "0.39", "1.00", "5.00"]


def test_every_entrant_has_files_of_its_own() -> None:
    keys = [entrant.key for entrant in real.entrants()]
    assert len(set(keys)) == len(keys)
