"""The time line of a run."""

from __future__ import annotations

import os
from pathlib import Path

from bench.sections import job
from core.run.records import Attempt


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
