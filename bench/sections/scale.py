"""Runs of 1,000, 10,000 and 100,000 shards with a task that does no arithmetic, and the reduce of a large output."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.harness import turns
from bench.harness.results import Result, Statistic, Table
from bench.harness.turns import Sample

SHARDS, QUICK = (1_000, 10_000, 100_000), (50, 100)
IMAGES = 100  # of a shard
LARGE = 8_000_000_000  # bytes of the large output
_SPARE = 3  # the shards' images, the output, and as much again in reserve


def measure(*, quick: bool) -> Result:
    """Whole runs, then the reduce alone."""
    folder = Path(tempfile.mkdtemp(prefix="advshard-scale-"))
    try:
        found = {shards: _run(folder / str(shards), shards) for shards in (QUICK if quick else SHARDS)}
        large = 50_000_000 if quick else min(LARGE, shutil.disk_usage(folder).free // _SPARE)
        reduced, made = _large(folder / "large", large)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _result(found, reduced, made)


def _run(folder: Path, shards: int) -> dict[str, Sample]:
    """Plan a run, send it to an idle broker, run it with two workers, and reduce it once more."""
    planned = _said("plan", str(folder), str(shards), str(IMAGES * shards))
    url = planned.said["url"]
    found = {"plan": planned, **{what: _said(what, url) for what in ("send", "work", "reduce", "resume")}}
    shutil.rmtree(folder)
    return found


def _large(folder: Path, size: int) -> tuple[Sample, dict[str, Any]]:
    """The reduce of an output of ``size`` bytes, from shards that were written without an attack."""
    made = _said("make", str(folder), str(size))
    reduced = _said("reduce", made.said["url"])
    shutil.rmtree(folder)
    return reduced, made.said


def _said(*arguments: str) -> Sample:
    return turns.run([sys.executable, "-m", "bench.harness.no_arithmetic", *arguments])


def _result(runs: dict[int, dict[str, Sample]], reduced: Sample, made: dict[str, Any]) -> Result:
    few, many = min(runs), max(runs)
    last = runs[many]
    each = {shards: found["resume"].said["busy_seconds"] / shards for shards, found in runs.items()}
    own = max(found["work"].said["own_peak_mb"] for found in runs.values())
    statistics = [
        Statistic(
            what=f"seconds per shard with {many:,} shards, over that with {few:,}",
            value=each[many] / each[few],
        ),
        Statistic(
            what=f"the reduce's seconds per shard with {many:,} shards, over that with {few:,}",
            value=_reduce_seconds(last) / many / (_reduce_seconds(runs[few]) / few),
        ),
        Statistic(what="peak memory of the orchestrator", value=own, unit="MB"),
        Statistic(
            what=f"peak memory of planning {many:,} shards, with the whole set in memory",
            value=last["plan"].said["own_peak_mb"],
            unit="MB",
        ),
        Statistic(
            what=f"peak memory of the reduce of {many:,} shards",
            value=last["reduce"].said["own_peak_mb"],
            unit="MB",
        ),
        Statistic(
            what=f"peak memory of the reduce of an output of {made['bytes'] / 1e9:.3g} GB",
            value=reduced.said["own_peak_mb"],
            unit="MB",
        ),
        Statistic(what="its wall time", value=reduced.said["seconds"], unit="s"),
        Statistic(what="messages sent per second", value=last["send"].said["messages"] / last["send"].said["seconds"]),
        Statistic(
            what="completed shards that a resumed run registers per second", value=many / last["resume"].said["seconds"]
        ),
        Statistic(
            what="CPU time of the orchestrator per shard",
            value=1000 * (last["work"].said["own_cpu"] - runs[few]["work"].said["own_cpu"]) / (many - few),
            unit="ms",
        ),
        Statistic(
            what="CPU time per shard, all processes",
            value=1000 * (last["work"].cpu - runs[few]["work"].cpu) / (many - few),
            unit="ms",
        ),
        Statistic(what="files in the store per shard", value=last["resume"].said["files_per_shard"]),
    ]
    columns = [
        "shards",
        "images",
        "attack s",
        "shards/s",
        "reduce s",
        "orchestrator MB",
        "reduce MB",
        "CPU s, all processes",
    ]
    rows = [
        [
            f"{shards:,}",
            f"{IMAGES * shards:,}",
            f"{found['resume'].said['busy_seconds']:.1f}",
            f"{1 / each[shards]:.0f}",
            f"{_reduce_seconds(found):.1f}",
            f"{found['work'].said['own_peak_mb']:.0f}",
            f"{found['reduce'].said['own_peak_mb']:.0f}",
            f"{found['work'].cpu:.0f}",
        ]
        for shards, found in runs.items()
    ]
    return Result(
        name="scale",
        title="Scale",
        command="python -m bench scale",
        statistics=statistics,
        tables=[Table(columns=columns, rows=rows)],
        notes=[
            f"Images of 2x2 pixels, {IMAGES} a shard, on the embedded server with two workers. The attack returns "
            "the images unchanged and a stand-in replaces the model (`bench/harness/no_arithmetic.py`); everything "
            "else, files, messages, heartbeats, measuring and checking, is as in any run, without TensorFlow. "
            f"The large output: {made['images']:,} images of 28x28 in {made['shards']:,} shards, written without "
            "an attack.",
        ],
        samples={
            **{str(shards): {what: _plain(one) for what, one in found.items()} for shards, found in runs.items()},
            "large": _plain(reduced),
        },
    )


def _plain(sample: Sample) -> dict[str, Any]:
    """Without the temporary folder."""
    plain = sample.plain()
    plain["said"].pop("url", None)
    return plain


def _reduce_seconds(found: dict[str, Sample]) -> float:
    return float(found["reduce"].said["seconds"])
