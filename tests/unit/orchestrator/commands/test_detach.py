from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.commands.run import start_detached
from tests.runs import planned


def test_a_detached_run_keeps_its_queue_and_its_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = planned(tmp_path, monkeypatch)
    monkeypatch.setenv("ADVSHARD_CACHE", str(tmp_path / "cache"))
    began: list[tuple[list[str], dict[str, Any]]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **more: began.append((command, more)))
    assert start_detached(run, "redis://:secret@host/0", "gpu", 3) == 0
    ((command, more),) = began
    assert command[1:] == ["-P", "-m", "orchestrator", "resume", run.url, "--workers", "3", "--queue", "gpu"]
    assert more["env"]["ADVSHARD_BROKER_URL"] == "redis://:secret@host/0"


def test_a_detached_run_trusts_the_model_only_if_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = planned(tmp_path, monkeypatch)
    monkeypatch.setenv("ADVSHARD_CACHE", str(tmp_path / "cache"))
    began: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **more: began.append(command))
    for trust_model in (False, True):
        start_detached(run, None, "default", None, trust_model=trust_model)
    assert ["--trust-model" in command for command in began] == [False, True]
    start_detached(run, None, "default", None, trust_model=True, imports=("a", "/b.py"))
    assert began[-1][-5:] == ["--trust-model", "--import", "a", "--import", "/b.py"]
