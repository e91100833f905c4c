from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.run.layout import PREFLIGHT
from core.shard.preflight import run_preflight
from orchestrator.execution.preflight import PreflightNotes
from tests.classifiers import LinearClassifier
from tests.runs import linear_classifier, planned


def test_what_was_found_is_printed_once(tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = planned(tmp_path, monkeypatch)
    times = iter(range(0, 10_000, 100))
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    notes = PreflightNotes(run, 2, lambda: 20)
    notes.poll()
    assert capsys.readouterr().err == ""
    run_preflight(run, lambda run, manifest: LinearClassifier(np.zeros((3, 144)), np.array([0.0, 1, 0]), 4))
    notes.poll()
    said = capsys.readouterr().err
    assert said.startswith("WARNING, one class: class 1 is predicted for 30 of 30 clean images")
    assert "advshard inspect" in said
    assert "backward passes an image at most" in said
    notes.poll()
    assert capsys.readouterr().err == ""


def test_a_model_that_predicts_several_classes_gets_a_note_of_the_cost_alone(
    tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = planned(tmp_path, monkeypatch, labelled=False)
    run_preflight(run, linear_classifier)
    PreflightNotes(run, None, lambda: 20).poll()
    said = capsys.readouterr().err
    assert said.startswith("cost to come: ")
    assert len(said.splitlines()) == 1


def test_a_damaged_document_is_no_fault_of_the_run(
    tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = planned(tmp_path, monkeypatch)
    (Path(run.url) / PREFLIGHT).write_text("{}")
    PreflightNotes(run, None, lambda: 20).poll()
    assert capsys.readouterr().err == ""


def test_before_the_reduce_the_store_is_asked_in_any_case_and_no_cost_is_to_come(
    tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = planned(tmp_path, monkeypatch)
    monkeypatch.setattr("time.monotonic", lambda: 1.0)
    notes = PreflightNotes(run, 2, lambda: 0)
    notes.poll()
    run_preflight(run, lambda run, manifest: LinearClassifier(np.zeros((3, 144)), np.array([0.0, 1, 0]), 4))
    notes.poll()
    assert capsys.readouterr().err == ""
    notes.poll(now=True)
    said = capsys.readouterr().err
    assert said.startswith("WARNING, one class")
    assert "cost to come" not in said
