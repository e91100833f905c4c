"""The engine's comparison: the best peer, the table and its statistics."""

from __future__ import annotations

from bench.harness import turns
from bench.harness.entrants import EARLY_STOP, EVERY_STEP, LEAN, PEERS, WIDE, Entrant
from bench.sections import engine


def row(entrant: Entrant, lean: float, wide: float, wrong: str = "") -> engine.Row:
    def sample(cpu: float) -> turns.Sample:
        said = {"cpu_seconds": cpu, "seconds": cpu / 2, "batch": 64, "versions": {"x": "1"}}
        return turns.Sample(cpu, cpu, 1.0, said)

    verdicts = [{"success": 0.9, "wrong": wrong}, {"success": 0.8, "wrong": ""}]
    return engine.Row(entrant, {LEAN: [sample(lean)] * 3, WIDE: [sample(wide)] * 3}, verdicts)


def test_a_peer_counts_with_the_threads_that_suit_it_and_we_with_one() -> None:
    assert row(PEERS[0], 20, 10).cpu == [10] * 3
    assert row(EVERY_STEP, 20, 10).cpu == [20] * 3


def test_the_best_peer_is_the_cheapest_that_is_right() -> None:
    rows = [row(EVERY_STEP, 1, 1), row(PEERS[0], 5, 9, "expected numbers"), row(PEERS[1], 8, 9), row(PEERS[2], 9, 7)]
    best = engine.best_peer(rows)
    assert best.entrant is PEERS[2]
    (ours, wrong, *_) = engine.table(rows, best).rows
    assert ours[2:6] == ["1.00", "0.14", "0.50", "0.8000"]
    assert wrong[5] == "expected numbers"


def test_the_ratios_are_those_of_the_rounds() -> None:
    best = row(PEERS[0], 10, 12)
    found = engine.statistics(row(EVERY_STEP, 4, 5), row(EARLY_STOP, 3, 4), row(EARLY_STOP, 3, 4), best, 10_000)
    peer = best.entrant.name
    by_name = {statistic.what: statistic.value for statistic in found}
    assert by_name[f"CPU time of the same steps, relative to {peer}"] == 4 / 10
    assert by_name[f"CPU time of the same steps, relative to {peer} with its default number of threads"] == 4 / 12
    assert by_name[f"CPU time with early stop, relative to {peer}"] == 3 / 10
