"""``prune`` on the command line: what it shows, asks and removes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from core.run.run_store import RunStore
from orchestrator.execution.logs import logs_of
from tests.processes import ROOT, command
from tests.runs import save_set

QUESTION = b"Remove 1 run"


def answered(store: Path, answer: str) -> tuple[int, str]:
    """``prune`` in a terminal where somebody answers its question."""
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "orchestrator", "prune", "--store", str(store)]
    process = subprocess.Popen(line, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT)
    os.close(theirs)
    said, asked = b"", False
    try:
        while chunk := os.read(ours, 4096):
            said += chunk
            if QUESTION in said and not asked:
                os.write(ours, answer.encode() + b"\n")
                asked = True
    except OSError:
        pass  # the other end is closed
    finally:
        os.close(ours)
    return process.wait(30), said.decode()


def test_a_run_is_shown_then_asked_for_then_removed(tmp_path: Path) -> None:
    data = save_set(tmp_path / "set.npz", count=6, shape=(28, 28, 1), classes=10)
    store = tmp_path / "runs"
    done = command("run", "--data", str(data), "--shards", "2", "--workers", "1", "--store", str(store))
    assert done.returncode == 0, done.stderr
    run = Path(done.stdout.splitlines()[-1])
    logs = logs_of(RunStore(str(run)))
    assert list(logs.iterdir())
    (store / "notes.txt").write_text("mine")

    shown = command("prune", "--store", str(store))
    assert shown.returncode == 0
    assert run.name in shown.stdout
    assert "complete" in shown.stdout
    assert shown.stdout.splitlines()[-1].endswith("give the command again with --yes")
    code, said = answered(store, "n")
    assert code == 0
    assert "nothing was removed" in said
    assert run.exists()

    code, said = answered(store, "y")
    assert code == 0
    assert said.splitlines()[-1] == "removed 1 run"
    assert [entry.name for entry in store.iterdir()] == ["notes.txt"]
    assert not logs.exists()
    assert command("prune", "--store", str(store), "--keep", "0", "--yes").stdout.startswith("no runs to remove in ")
