from __future__ import annotations

import click
import pytest

from orchestrator.cli import cli, main


@pytest.mark.parametrize("name", cli.list_commands(click.Context(cli)))
def test_every_command_refuses_a_setting_that_does_not_fit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv("ADVSHARD_MAX_MEMORY", "much")
    with pytest.raises(SystemExit) as ended:
        main([name])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: expected a value for ADVSHARD_MAX_MEMORY that fits; got 'much'")
    assert line.endswith("correct or unset it")
