from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from core.errors import StoreError
from core.run.run_store import RunStore
from orchestrator.commands.compare import compare_command
from orchestrator.commands.export import export_command
from orchestrator.commands.run import resume_command
from orchestrator.commands.runs import cancel_command, report_command, status_command

URL, OUT = "URL", "OUT"


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (cancel_command, [URL]),
        (compare_command, [URL, URL]),
        (export_command, [URL, "--out", OUT]),
        (report_command, [URL]),
        (resume_command, [URL]),
        (status_command, [URL]),
    ],
)
def test_a_run_of_an_earlier_layout_gets_one_clear_line(
    tmp_path: Path, command: click.Command, arguments: list[str]
) -> None:
    """Its report, in a form of its own, is not even looked at."""
    run = RunStore(str(tmp_path / "0123456789abcdef"))
    run.folder.write("manifest.json", b'{"layout": 1}')
    run.folder.write("report.json", b'{"history": null}')
    places = {URL: run.url, OUT: str(tmp_path / "out")}
    done = CliRunner().invoke(command, [places.get(each, each) for each in arguments])
    assert isinstance(done.exception, StoreError)
    assert "expected a run of layout 2; got layout 1 at" in str(done.exception)
