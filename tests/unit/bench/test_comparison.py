"""The benchmarks' pure parts: figures, the page, the choice of the best peer, the judge, the time line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bench.harness import turns
from bench.harness.entrants import EARLY_STOP, ENTRANTS, EVERY_STEP, LEAN, PEERS, WIDE, Entrant
from bench.harness.judge import check
from bench.harness.page import page
from bench.harness.results import Figure, Result, Table, merged
from bench.sections import engine, job
from core.run.records import Attempt


@pytest.mark.parametrize(
    ("limits", "met"),
    [({}, None), ({"most": 0.5}, True), ({"most": 0.4}, False), ({"least": 0.6}, False), ({"least": 0.5}, True)],
)
def test_a_figure_is_held_against_its_limits(limits: dict[str, float], met: bool | None) -> None:
    assert Figure(what="x", value=0.5, **limits).met is met


def test_the_page_has_tables_figures_and_notes() -> None:
    result = Result(
        name="n", title="A title", command="python -m bench n", took_seconds=3.2, machine={"cores": "2"},
        tables=[Table(title="T", columns=["a", "b"], rows=[["1", "2"]])],
        figures=[Figure(what="ratio", value=0.61, most=0.5)], notes=["A note."],
    )  # fmt: skip
    lines = page("systems", [result]).splitlines()
    assert "`python -m bench n`, 3 s. cores 2" in lines
    assert "| 1 | 2 |" in lines
    assert "| ratio | 0.61 | at most 0.5 | **missed** |" in lines
    assert lines[-1] == "A note."


def test_another_processor_s_result_stays_beside_it() -> None:
    def result(name: str, processor: str, value: float) -> Result:
        figures = [Figure(what="x", value=value)]
        return Result(name=name, title=name.title(), command="c", machine={"processor": processor}, figures=figures)

    known = [result("floor", "old", 1), result("job", "old", 2), result("floor", "gone", 3)]
    names = ["engine", "floor", "job"]
    known = merged(known, result("floor", "new", 4), names)
    known = merged(known, result("engine", "new", 5), names)
    known = merged(known, result("floor", "old", 6), names)
    assert [(each.name, each.machine["processor"], each.figures[0].value) for each in known] == [
        ("engine", "new", 5), ("floor", "old", 6), ("floor", "gone", 3), ("floor", "new", 4), ("job", "old", 2),
    ]  # fmt: skip
    heads = [line for line in page("benchmarks", known).splitlines() if line.startswith("## ")]
    assert heads == ["## Engine", "## Floor", "## Floor (gone)", "## Floor (new)", "## Job"]


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    assert turns.ratio([1, 2, 9], [2, 2, 3]) == 1  # 0.5, 1, 3: the machine was slow in the last round


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


def test_what_the_engine_is_held_against() -> None:
    best = row(PEERS[0], 10, 12)
    found = engine.figures(row(EVERY_STEP, 4, 5), row(EARLY_STOP, 3, 4), row(EARLY_STOP, 3, 4), best, 10_000)
    assert [(figure.value, figure.met) for figure in found if figure.met is not None] == [
        (0.4, True), (0.3, False), (0.0, True),
    ]  # fmt: skip


def test_every_entrant_writes_a_file_of_its_own() -> None:
    assert len({entrant.key for entrant in ENTRANTS}) == len(ENTRANTS)
    command = PEERS[0].command(LEAN, Path("task"), Path("out.npy"))
    assert command[1:] == ["-m", "bench.peers.cleverhans", "task", "out.npy", "--threads", "1"]


def test_the_judge_refuses_what_is_out_of_bounds() -> None:
    clean = np.full((2, 4, 4, 1), 0.5, np.float32)
    assert check(clean, clean + np.float32(0.1), 0.1) == ""
    assert "change" in check(clean, clean + np.float32(0.11), 0.1)
    assert "0..1" in check(clean, clean + np.float32(0.6), 1.0)
    assert "NaN" in check(clean, np.full_like(clean, np.nan), 0.1)
    assert "shape" in check(clean, clean[:1], 0.1)


def test_the_time_line_is_read_off_a_run(tmp_path: Path) -> None:
    def touch(name: str, at: float) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.startswith("attempts"):
            path.write_text(Attempt(task_id="t", worker="w", started=at).model_dump_json())
        else:
            path.touch()
        os.utime(path, (at, at))

    files = {
        "manifest.json": 101, "attempts/00000000/a.json": 103, "attempts/00000001/b.json": 102,
        "attempts/reduce/c.json": 109, "shards/00000000.json": 106, "shards/00000001.json": 108,
        "report.json": 110, "report.html": 112,
    }  # fmt: skip
    for name, at in files.items():
        touch(name, at)
    line = job.time_line(tmp_path, 100, 113)
    assert list(line.values()) == [1, 2, 6, 8, 9, 10, 12, 13]
    assert [row[2] for row in job.steps([line]).rows] == [
        "1.00",
        "1.00",
        "4.00",
        "2.00",
        "1.00",
        "1.00",
        "2.00",
        "1.00",
    ]
