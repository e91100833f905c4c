"""What ``run`` says before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.run.run_store import RunStore
from orchestrator.commands.run import run_command
from orchestrator.planning.plan import plan
from tests.runs import planned, save_set


@pytest.mark.parametrize(
    ("options", "stage", "name", "value"),
    [
        (["--eps", "8/255"], 0, "epsilon", 8 / 255),
        (["--eps", "8/255", "--bounds", "0", "255"], 0, "epsilon", 8.0),
        (["--set", "mifgsm.epsilon=8/255", "--attack", "apgd-ce,mifgsm", "--bounds", "0", "255"], 1, "epsilon", 8.0),
        (["--step-size", "1/255", "--bounds", "-1", "1"], 0, "step_size", 2 / 255),
    ],
)
def test_a_fraction_of_the_range_is_printed_as_its_value(
    tmp_path: Path, monkeypatch: Any, options: list[str], stage: int, name: str, value: float
) -> None:
    planned(tmp_path, monkeypatch)  # its model is never loaded
    found: list[RunStore] = []

    def noted(*arguments: Any, **more: Any) -> RunStore:
        found.append(plan(*arguments, **more))
        return found[0]

    monkeypatch.setattr("orchestrator.planning.plan.plan", noted)
    monkeypatch.setattr("orchestrator.commands.run.see_through", lambda *_, **__: 0)
    data, store = save_set(tmp_path / "set.npz"), str(tmp_path / "runs")
    line = ["--model", "fake", "--data", str(data), "--fallback", "none", "--store", store, *options]
    said = CliRunner().invoke(run_command, line)
    assert said.exit_code == 0, said.output
    config = found[0].manifest().config
    params = [each for each in config.stages if not each.only_unchanged][stage].params
    assert params[name] == pytest.approx(value)
    assert f"{name} is {value:g}, " in said.stderr
    assert "of 255 levels" in said.stderr
