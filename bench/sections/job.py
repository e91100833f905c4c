"""The whole job from a cold start to the report, against a script written with the best peer."""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.harness import turns
from bench.harness.entrants import PEERS_PYTHON, check_peers
from bench.harness.results import Result, Statistic, Table
from core.run.layout import REPORT, REPORT_PAGE
from core.run.records import Attempt
from core.run.report import Report

IMAGES, ROUNDS, SHARDS, WORKERS = 10_000, 3, 64, 2
PEER, SCRIPT = "CleverHans", "bench.peers.script_cleverhans"
Line = dict[str, float]
"""Seconds from the start to each mark, in their order."""


def measure(*, quick: bool) -> Result:
    """Both, in alternating rounds."""
    check_peers()
    images, rounds = (500, 1) if quick else (IMAGES, ROUNDS)
    ours: list[turns.Sample] = []
    lines: list[Line] = []
    reports: list[Report] = []
    theirs: list[turns.Sample] = []
    with tempfile.TemporaryDirectory() as scratch:
        task = Path(scratch) / "task"
        task.mkdir()
        turns.run([sys.executable, "-m", "bench.harness.task", str(task), "--images", str(images)])
        for each in range(rounds):
            store = Path(scratch) / f"store-{each}"
            began = time.time()
            ours.append(turns.run(_command(store, images)))
            (run,) = store.iterdir()
            lines.append(time_line(run, began, time.time()))
            reports.append(Report.model_validate_json((run / REPORT).read_text()))
            out = Path(scratch) / "attacked.npy"
            theirs.append(turns.run([str(PEERS_PYTHON), "-m", SCRIPT, str(task), str(out)]))
    return Result(
        name="job",
        title="The whole job",
        command="python -m bench job",
        tables=[_both(ours, reports, theirs), steps(lines), _parts(theirs)],
        statistics=[
            Statistic(
                what=f"wall time of the whole job, relative to a script with {PEER}",
                value=turns.ratio([each.wall for each in ours], [each.wall for each in theirs]),
            )
        ],
        notes=[
            f"`advshard run --shards {SHARDS} --workers {WORKERS}` into a fresh store: plan, private "
            "broker, workers, attack, SSIM, ledger, audit, report and page, from the first process to the last "
            f"one's end. The script (`bench/peers/script_{PEER.lower()}.py`), with the library's default number of "
            "threads: load, attack, success, SSIM, save. "
            f"{images:,} test images of Fashion-MNIST, the shipped `cnn`, the same epsilon, steps and decay; medians "
            f"of {rounds} rounds, run alternately.",
        ],
        samples={
            "advshard": [each.plain() for each in ours],
            "time lines": lines,
            PEER: [each.plain() for each in theirs],
        },
    )


def time_line(run: Path, began: float, ended: float) -> Line:
    """When a run reached each of its marks, from the files that it wrote."""
    attempts = {path: Attempt.model_validate_json(path.read_text()).started for path in run.glob("attempts/*/*.json")}
    shards = [started for path, started in attempts.items() if path.parent.name != "reduce"]
    reduce = [started for path, started in attempts.items() if path.parent.name == "reduce"]
    done = [path.stat().st_mtime for path in run.glob("shards/*.json")]
    marks = {
        "planned": (run / "manifest.json").stat().st_mtime,
        "broker and workers up, first shard started": min(shards),
        "TensorFlow and model loaded, first shard completed": min(done),
        "last shard completed": max(done),
        "reduce started": min(reduce),
        "audited, report.json written": (run / REPORT).stat().st_mtime,
        "page rendered": (run / REPORT_PAGE).stat().st_mtime,
        "everything stopped": ended,
    }
    return {mark: at - began for mark, at in marks.items()}


def steps(lines: list[Line]) -> Table:
    """The timeline: when each mark was reached, and how long after the one before."""
    at = {mark: turns.median([line[mark] for line in lines]) for mark in lines[0]}
    spent = [after - before for before, after in pairwise([0.0, *at.values()])]
    rows = [[mark, f"{at[mark]:.2f}", f"{each:.2f}"] for mark, each in zip(at, spent, strict=True)]
    return Table(title="Where our time goes", columns=["", "at s", "took s"], rows=rows)


def _command(store: Path, images: int) -> list[str]:
    command = [sys.executable, "-m", "orchestrator", "run", "--shards", str(SHARDS), "--workers", str(WORKERS)]
    return [*command, "--store", str(store), *([] if images == IMAGES else ["--limit", str(images)])]


def _both(ours: list[turns.Sample], reports: list[Report], theirs: list[turns.Sample]) -> Table:
    def row(name: str, samples: list[turns.Sample], success: float, ssim: float) -> list[str]:
        wall, cpu = (turns.median([getattr(each, what) for each in samples]) for what in ("wall", "cpu"))
        return [name, f"{wall:.2f}", f"{cpu:.2f}", f"{success:.4f}", f"{ssim:.4f}"]

    report, said = reports[-1], theirs[-1].said
    return Table(
        columns=["", "wall s", "CPU s", "success", "mean SSIM"],
        rows=[
            row("advshard", ours, report.success_rate, report.ssim_mean or 0.0),
            row(f"a script with {PEER}", theirs, said["success"], said["ssim"]),
        ],
    )


def _parts(theirs: list[turns.Sample]) -> Table:
    parts: list[dict[str, Any]] = [each.said["seconds"] for each in theirs]
    rows = [[name, f"{turns.median([part[name] for part in parts]):.2f}"] for name in parts[0]]
    return Table(title="Where the script's time goes", columns=["", "took s"], rows=rows)
