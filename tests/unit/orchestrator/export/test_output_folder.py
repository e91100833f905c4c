from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import ConfigError
from orchestrator.export.output_folder import output_folder
from tests.processes import ROOT

_KILLED = """
import os, sys
from pathlib import Path
from orchestrator.export.output_folder import output_folder
with output_folder(Path(sys.argv[1])) as folder:
    (folder / "deep").mkdir()
    (folder / "deep" / "half").write_text("half")
    (folder / "half").write_text("half")
    os._exit(9)
"""


def contents(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_folder_appears_when_everything_is_written(tmp_path: Path) -> None:
    out = tmp_path / "missing" / "out"
    with output_folder(out) as folder:
        (folder / "a").write_text("a")
        assert not out.exists()
    assert contents(tmp_path / "missing") == ["out", "out/a"]


def test_an_empty_folder_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with output_folder(out) as folder:
        (folder / "a").write_text("a")
    assert contents(tmp_path) == ["out", "out/a"]


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with output_folder(tmp_path / "out") as folder:
            (folder / "a").write_text("a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert contents(tmp_path) == []


def test_a_killed_export_leaves_nothing_that_looks_complete_and_does_not_block_the_next(tmp_path: Path) -> None:
    out = tmp_path / "out"
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(out)], cwd=ROOT, check=False)
    assert killed.returncode == 9
    assert not out.exists()
    assert ".out.partial/half" in contents(tmp_path)
    with output_folder(out) as folder:
        (folder / "a").write_text("a")
    assert contents(tmp_path) == ["out", "out/a"]


def test_only_one_export_writes_to_a_folder(tmp_path: Path) -> None:
    with output_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("a")
        with pytest.raises(ConfigError, match="one export to a folder at a time"), output_folder(tmp_path / "out"):
            pass
    assert contents(tmp_path / "out") == ["a"]


def test_what_others_wrote_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(ConfigError, match="a new or an empty folder"), output_folder(tmp_path / "out"):
        pass
    (tmp_path / ".new.partial").mkdir()
    (tmp_path / ".new.partial" / "mine").write_text("mine")
    with pytest.raises(ConfigError, match="which no export wrote"), output_folder(tmp_path / "new"):
        pass
    assert contents(tmp_path) == [".new.partial", ".new.partial/mine", "out", "out/mine"]


def test_the_working_directory_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"such as {tmp_path / 'export'}"), output_folder(Path()):
        pass
