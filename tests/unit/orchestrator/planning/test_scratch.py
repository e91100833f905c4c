from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.storage.folder import Folder
from orchestrator.planning.scratch import scratch

HOLD = """
import sys, time
from core.storage.folder import Folder
from orchestrator.planning.scratch import scratch
with scratch(Folder(sys.argv[1])) as place:
    (place / "images-1.npy").write_bytes(b"x" * 1000)
    print(place, flush=True)
    time.sleep(60)
"""


def test_nothing_is_left_where_there_was_no_store(tmp_path: Path) -> None:
    with scratch(Folder(str(tmp_path / "runs"))) as place:
        (place / "file").write_bytes(b"x")
        assert place.is_relative_to(tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_store_that_was_there_stays(tmp_path: Path) -> None:
    with pytest.raises(KeyError), scratch(Folder(str(tmp_path))) as place:
        raise KeyError(str(place))
    assert list(tmp_path.iterdir()) == []


def test_a_remote_store_has_its_scratch_on_this_machine() -> None:
    with scratch(Folder("memory://scratch")) as place:
        assert place.is_dir()
    assert not place.exists()


def test_what_a_killed_planner_left_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    planners = [
        subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        killed, living = (Path((planner.stdout or sys.stdin).readline().strip()) for planner in planners)
        planners[0].send_signal(signal.SIGKILL)
        planners[0].wait()
        assert killed.is_dir()
        with scratch(Folder(str(tmp_path))) as place:
            assert not killed.exists()
            assert (living / "images-1.npy").stat().st_size == 1000
            assert place != living
    finally:
        for planner in planners:
            planner.kill()
            planner.wait()
            if planner.stdout:
                planner.stdout.close()
