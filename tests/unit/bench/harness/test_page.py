"""The pages that are made from results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.harness.page import DOCS, page, write_page
from bench.harness.results import Result, Statistic, Table


def test_the_page_has_tables_statistics_and_notes() -> None:
    result = Result(
        name="n", title="A title", command="python -m bench n", took_seconds=3.2, machine={"cores": "2"},
        tables=[Table(title="T", columns=["a", "b"], rows=[["1", "2"]])],
        statistics=[Statistic(what="ratio", value=0.61)], notes=["A note."],
    )  # fmt: skip
    lines = page("systems", [result]).splitlines()
    assert "`python -m bench n`, 3 s. cores 2" in lines
    assert "| 1 | 2 |" in lines
    assert "| ratio | 0.61 |" in lines
    assert lines[-1] == "A note."


@pytest.mark.parametrize("name", ["benchmarks", "systems"])
def test_the_pages_in_docs_are_made_from_the_results_beside_them(name: str) -> None:
    content = (DOCS / f"{name}.json").read_text()
    results = [Result.model_validate(each) for each in json.loads(content)]
    assert (DOCS / f"{name}.md").read_text() == page(name, results)
    assert content == json.dumps([each.model_dump(mode="json") for each in results], indent=1) + "\n"


def test_a_section_s_new_result_replaces_its_last_one_on_the_page(tmp_path: Path) -> None:
    def measured(name: str, value: float) -> Result:
        statistics = [Statistic(what="x", value=value)]
        return Result(name=name, title=name.title(), command="c", machine={"processor": "p"}, statistics=statistics)

    for result in (measured("job", 1), measured("engine", 2), measured("job", 3)):
        write_page("benchmarks", result, ["engine", "job"], tmp_path)
    lines = (tmp_path / "benchmarks.md").read_text().splitlines()
    assert [line for line in lines if line.startswith(("## ", "| x"))] == [
        "## Engine", "| x | 2 |", "## Job", "| x | 3 |",
    ]  # fmt: skip
