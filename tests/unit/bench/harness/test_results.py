"""Results of several processors beside each other."""

from __future__ import annotations

from bench.harness.page import page
from bench.harness.results import Result, Statistic, merged


def test_another_processor_s_result_stays_beside_it() -> None:
    def result(name: str, processor: str, value: float) -> Result:
        statistics = [Statistic(what="x", value=value)]
        return Result(
            name=name, title=name.title(), command="c", machine={"processor": processor}, statistics=statistics
        )

    known = [result("floor", "old", 1), result("job", "old", 2), result("floor", "gone", 3)]
    names = ["engine", "floor", "job"]
    known = merged(known, result("floor", "new", 4), names)
    known = merged(known, result("engine", "new", 5), names)
    known = merged(known, result("floor", "old", 6), names)
    assert [(each.name, each.machine["processor"], each.statistics[0].value) for each in known] == [
        ("engine", "new", 5), ("floor", "old", 6), ("floor", "gone", 3), ("floor", "new", 4), ("job", "old", 2),
    ]  # fmt: skip
    heads = [line for line in page("benchmarks", known).splitlines() if line.startswith("## ")]
    assert heads == ["## Engine", "## Floor", "## Floor (gone)", "## Floor (new)", "## Job"]
