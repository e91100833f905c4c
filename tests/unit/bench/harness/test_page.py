"""The pages that are made from results."""

from __future__ import annotations

from bench.harness.page import page
from bench.harness.results import Result, Statistic, Table


def test_the_page_has_tables_statistics_and_notes() -> None:
    result = Result(
        name="n", title="A title", command="python -m bench n", took_seconds=3.2, machine={"cores": "2"},
        tables=[Table(title="T", columns=["a", "b"], rows=[["1", "2"]])],
        statistics=[Statistic(what="ratio", value=0.61, most=0.5)], notes=["A note."],
    )  # fmt: skip
    lines = page("systems", [result]).splitlines()
    assert "`python -m bench n`, 3 s. cores 2" in lines
    assert "| 1 | 2 |" in lines
    assert "| ratio | 0.61 | at most 0.5 | **missed** |" in lines
    assert lines[-1] == "A note."
