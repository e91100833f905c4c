from __future__ import annotations

import pytest

from orchestrator.progress.images import ImageProgress


def test_lines_with_the_time_left_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr("orchestrator.progress.images.time.monotonic", lambda: now)
    with ImageProgress("PNG files", 1000) as progress:
        progress.advance(100)  # too soon for a line
        now = 110.0
        progress.advance(100)
        progress.advance(100)
        now = 115.0
        progress.advance(200)
    assert capsys.readouterr().err.splitlines() == [
        "PNG files 200/1000 images, 40 s left",
        "PNG files 500/1000 images, 15 s left",
    ]
