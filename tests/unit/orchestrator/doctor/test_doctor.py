"""What the doctor says about what can't be arranged here: clocks, memory, stores with bad habits."""

from __future__ import annotations

import datetime
import threading
from pathlib import Path
from typing import Any

import pytest

from core.errors import IntegrityError
from core.runtime.memory import Memory
from core.storage.folder import Folder
from orchestrator.doctor import machine
from orchestrator.doctor.clocks import check_clocks
from orchestrator.doctor.finding import Level
from orchestrator.doctor.fleet import Answer, judge
from orchestrator.doctor.storage import check_store, clock_of_store, distance
from tasks import probe
from tasks.queues import partitions

GB = 1_000_000_000


def test_the_distance_of_a_clock() -> None:
    assert distance(105.0, 100.0, 110.0) == 0
    assert distance(90.0, 100.0, 110.0) == -10
    assert distance(120.0, 100.0, 110.0) == 10


def test_a_clock_that_is_wrong_is_named() -> None:
    (finding,) = check_clocks({"the broker": -61.0, "the store": 2.0, "w@h": 7.0, "x@h": None})
    assert finding.level is Level.FAILED
    assert "the clock of the broker is 61 s behind this machine's, the clock of w@h is 7 s ahead of" in finding.detail
    assert "NTP" in finding.detail
    (fine,) = check_clocks({"the broker": -4.0, "w@h": None})
    assert str(fine) == "ok      clocks: this machine's agrees with the broker"
    assert check_clocks({"the store": None}) == []


def test_the_clock_of_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert clock_of_store(str(tmp_path)) == pytest.approx(0, abs=1)
    assert list(tmp_path.iterdir()) == []
    ahead = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)
    monkeypatch.setattr(type(Folder(str(tmp_path)).fs), "modified", lambda self, path: ahead)
    assert clock_of_store(str(tmp_path)) == pytest.approx(60, abs=5)
    assert clock_of_store("nosuchprotocol://x") is None


@pytest.mark.parametrize(
    ("total", "available", "level", "words"),
    [
        (8 * GB, 4 * GB, Level.OK, "4 worker processes take 3.2 GB"),
        (8 * GB, 2 * GB, Level.NOTE, "use 2 with --workers"),
        (2 * GB, 1 * GB, Level.FAILED, "1.0 GB of 2.0 GB (the limit of this container) available"),
    ],
)
def test_memory_for_the_workers(
    monkeypatch: pytest.MonkeyPatch, total: int, available: int, level: Level, words: str
) -> None:
    monkeypatch.setattr(machine, "memory", lambda: Memory(total, available, limited=total < 8 * GB))
    (finding,) = machine.check_memory(4)
    assert finding.level is level
    assert words in finding.detail
    monkeypatch.setattr(machine, "memory", lambda: None)
    assert machine.check_memory(4)[0].level is Level.NOTE


def test_a_store_that_is_fine(tmp_path: Path) -> None:
    findings = check_store(str(tmp_path))
    assert [finding.level for finding in findings] == [Level.OK] * 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("method", "stand_in", "words"),
    [
        ("names", lambda self, folder="": [], "does not list"),
        ("read", lambda self, name, start=None, stop=None: b"first", "returns the old content of a replaced file"),
        ("remove", lambda self, name: None, "still has a file that was removed"),
    ],
)
def test_a_store_with_a_bad_habit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, stand_in: Any, words: str
) -> None:
    monkeypatch.setattr(Folder, method, stand_in)
    (finding,) = check_store(str(tmp_path))
    assert finding.level is Level.FAILED
    assert words in finding.detail


def test_a_store_without_conditional_put_is_only_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    store = "memory://doctor"
    assert all(finding.level is Level.OK for finding in check_store(store))
    files = type(Folder(store).fs)
    real = files.pipe_file
    monkeypatch.setattr(files, "pipe_file", lambda self, path, value, mode="overwrite": real(self, path, value))
    assert check_store(store)[1].level is Level.NOTE
    assert "does not refuse" in check_store(store)[1].detail

    def unknown(self: Any, path: str, value: bytes, mode: str) -> None:
        raise NotImplementedError

    monkeypatch.setattr(files, "pipe_file", unknown)
    assert "can't create files exclusively (NotImplementedError)" in check_store(store)[1].detail
    assert Folder(store).names() == []


def said(**change: Any) -> dict[str, Any]:
    from core.runtime.fingerprint import versions

    fine = {
        "queues": partitions(),
        "versions": versions(),
        "processor": "a",
        "processes": 2,
        "memory": 4 * GB,
        "available": GB,
    }
    return {**fine, "sha256": "d", **change}


def test_workers_of_several_kinds_and_with_little_memory(tmp_path: Path) -> None:
    answers = [
        Answer("fine@h", said()),
        Answer("gpu@h", said(processor="b")),
        Answer("small@h", said(memory=GB, processes=4)),
        Answer("foreign@h", {"error": "KeyError('advshard_probe')"}),
    ]
    findings = judge(answers, "d", str(tmp_path), "default")
    assert not [finding for finding in findings if finding.level is Level.FAILED]
    notes = "\n".join(finding.detail for finding in findings if finding.level is Level.NOTE)
    assert "foreign@h does not take our shards: it does not support the probe" in notes
    assert "small@h has 1.0 GB for 4 processes" in notes
    assert "2 kinds of processors (a; b)" in notes
    assert f"gpu@h sees the store {tmp_path}; b, 1.0 GB of memory free" in {finding.detail for finding in findings}
    (only, *_) = judge(answers[3:], "d", str(tmp_path), "default")
    assert only.level is Level.FAILED


def test_a_worker_that_sees_another_folder_under_the_same_path(tmp_path: Path) -> None:
    """As where the path is there on both machines, and the network folder is not mounted on one."""
    for change in ({"sha256": "of another file"}, {"sha256": None, "error": "FileNotFoundError: x"}):
        findings = judge([Answer("w@h", said(**change))], "d", str(tmp_path), "default")
        (failure,) = [finding for finding in findings if finding.level is Level.FAILED]
        assert f"w@h does not see the store {tmp_path}" in failure.detail
    # Where this machine could not write the file, the store's own check is what fails.
    assert all(finding.level is Level.OK for finding in judge([Answer("w@h", said())], None, str(tmp_path), "default"))


@pytest.mark.parametrize("token", ["", "../../etc/passwd", "a" * 31, "A" * 32, "a" * 32 + "\n"])
def test_a_probe_asks_for_its_own_file_alone(tmp_path: Path, token: str) -> None:
    with pytest.raises(IntegrityError):
        probe.probe_file(token)
    assert "IntegrityError" in probe.read_probe(str(tmp_path), token)["error"]


def test_a_probe_looks_into_the_worker_s_store_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = "a" * 32
    for name in ("mine", "theirs"):
        Folder(str(tmp_path / name)).write(probe.probe_file(token), b"x")
    monkeypatch.setenv("ADVSHARD_STORE", str(tmp_path / "mine"))
    assert set(probe.read_probe(str(tmp_path / "mine"), token)) == {"sha256"}
    for place in (tmp_path / "theirs", tmp_path, tmp_path / "mine" / ".." / "theirs"):
        assert "not this worker's store" in probe.read_probe(str(place), token)["error"]


def test_a_store_that_hangs_does_not_hang_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(Folder, "read", lambda self, name: ended.wait(30) and b"")
    assert "no response from the store" in probe.read_probe(str(tmp_path), "a" * 32, timeout=0.1)["error"]
    ended.set()
