from __future__ import annotations

from typing import Any

import pytest

from orchestrator.progress.planning import PlanningProgress


def test_a_line_every_few_seconds_says_how_far_it_is(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with PlanningProgress() as progress:
        for now[0], done in ((0.0, 100), (2.0, 200), (6.0, 300)):
            progress(done, 600)
    assert capsys.readouterr().err == "reading 300/600 images, 6 s left\n"


def test_a_set_that_is_read_at_once_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with PlanningProgress() as progress:
        progress(600, 600)
    assert capsys.readouterr().err == ""
