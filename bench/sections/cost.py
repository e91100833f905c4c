"""What distribution costs: the CPU time of a job in more shards, and the speed-up of a second worker."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from bench.harness import turns
from bench.harness.results import Result, Statistic, Table
from bench.harness.shard_parts import PARTS
from bench.harness.turns import Sample, median, ratio
from core.run.report import Report
from core.run.store import Store
from core.run.work_unit import range_size

SHARDS, ROUNDS, IMAGES = (1, 64, 1_000), 5, 10_000
QUICK_SHARDS, QUICK_IMAGES = (1, 4, 20), 200
_SHAPE, _TASKS = (28, 28, 1), 60


def measure(*, quick: bool) -> Result:
    """Jobs of the same images, alternately with few and many shards and with one worker and two."""
    shards, rounds, images = (QUICK_SHARDS, 1, QUICK_IMAGES) if quick else (SHARDS, ROUNDS, IMAGES)
    jobs: dict[str, list[Sample]] = {}
    inside: dict[str, list[float]] = {}
    for _ in range(rounds):
        for count in shards:
            _job(jobs, inside, _shards(count), images, "--shards", str(count), "--workers", "2")
        _job(jobs, inside, "one worker", images, "--workers", "1")
        _job(jobs, inside, "two workers", images, "--workers", "2")
        for processes in (1, 2):
            jobs.setdefault(f"plain {processes}", []).append(
                turns.run([sys.executable, "-m", "bench.harness.plain", str(processes), str(images)])
            )
    session = turns.run([sys.executable, "-m", "bench.harness.clear_session", *(["4"] if quick else [])])
    found = _result(shards, images, jobs, inside, session)
    return found.model_copy(update={"tables": [*found.tables, _parts(images, shards[1:])]})


def _parts(images: int, shards: tuple[int, ...]) -> Table:
    """Where the time of a task goes: for each shard size, with one shard and with as many as a task takes."""
    columns: list[list[float]] = []
    head = []
    for count in shards:
        size = images // count
        for taken in sorted({1, range_size(images, count, _SHAPE)}):
            some = taken * max(2, min(count // taken, _TASKS))
            said = turns.run(
                [sys.executable, "-m", "bench.harness.shard_parts", *map(str, (some * size, some, taken))]
            ).said
            columns.append([said[part] for part in PARTS])
            head.append(f"{_shards(taken)} of {size} images, ms")
    rows = [[what, *(f"{each:.1f}" for each in values)] for what, *values in zip(PARTS.values(), *columns, strict=True)]
    sums = ["total", *(f"{sum(each):.1f}" for each in columns)]
    return Table(
        title="Where the CPU time of a task goes, by the number and size of its shards",
        columns=["", *head],
        rows=[*rows, sums],
    )


def _job(jobs: dict[str, list[Sample]], inside: dict[str, list[float]], name: str, images: int, *options: str) -> None:
    folder = tempfile.mkdtemp(prefix="advshard-cost-")
    try:
        command = [sys.executable, "-m", "orchestrator", "run", "--limit", str(images), "--store", folder, *options]
        jobs.setdefault(name, []).append(turns.run(command))
        inside.setdefault(name, []).append(_report(folder).timing["shards_cpu_seconds"])
    finally:
        shutil.rmtree(Path(folder))


def _shards(count: int) -> str:
    return "1 shard" if count == 1 else f"{count} shards"


def _report(folder: str) -> Report:
    (run,) = Store(folder).runs()
    report = run.results.report()
    if report is None or not report.complete:
        raise RuntimeError(f"the run in {folder} is not complete")
    return report


def _result(
    shards: tuple[int, ...], images: int, jobs: dict[str, list[Sample]], inside: dict[str, list[float]], session: Sample
) -> Result:
    def cpu(name: str) -> list[float]:
        return [sample.cpu for sample in jobs[name]]

    def wall(name: str) -> list[float]:
        return [sample.wall for sample in jobs[name]]

    one, middle, most = map(_shards, shards)
    ours, plain = ratio(wall("one worker"), wall("two workers")), ratio(wall("plain 1"), wall("plain 2"))
    rows = [
        [
            name,
            f"{median(cpu(name)):.1f}",
            f"{median(inside[name]):.1f}" if name in inside else "",
            f"{median(wall(name)):.1f}",
        ]
        for name in jobs
    ]
    return Result(
        name="cost",
        title="The cost of distribution",
        command="python -m bench cost",
        statistics=[
            Statistic(what=f"CPU time with {most} over that with {middle}", value=ratio(cpu(most), cpu(middle))),
            Statistic(what=f"CPU time with {middle} over that with {one}", value=ratio(cpu(middle), cpu(one))),
            Statistic(what="speed-up of two plain processes", value=plain),
            Statistic(what="speed-up of two workers", value=ours),
            Statistic(what="speed-up of two workers over that of two plain processes", value=ours / plain),
            Statistic(
                what="clear_session after a shard, warm objects frozen", value=session.said["frozen_ms"], unit="ms"
            ),
            Statistic(what="the same, not frozen", value=session.said["unfrozen_ms"], unit="ms"),
        ],
        tables=[Table(columns=["job", "CPU s, all processes", "CPU s inside the shards", "wall s"], rows=rows)],
        notes=[
            f"Whole commands, {images:,} images, the defaults: every number includes the server, the workers, "
            "TensorFlow's import in each of them, the reduce and the page. *plain N*: N processes that divide the "
            "images between them, without a server, a store or a report (`bench/harness/plain.py`). The speed-ups "
            "include the start of each process, which a second process does not shorten.",
            "Alone, a small shard costs much more per image: a pass over few images does, a step in NumPy takes as "
            "long as for 64, and its images, rows, record and heartbeats are a file each. A task therefore takes "
            "several small shards, which share these costs.",
        ],
        samples={name: [sample.plain() for sample in samples] for name, samples in jobs.items()},
    )
