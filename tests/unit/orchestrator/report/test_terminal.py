"""The tables of the terminal, for names that look like markup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.reduce.reduce_run import reduce_run
from core.run.manifest import BrokenRef
from core.run.report import Gate
from core.run.work_unit import single
from core.shard.attack_shard import run_shard
from orchestrator.cli import main
from orchestrator.report.terminal import print_summary
from tests.runs import linear_classifier, planned, save_set

NAMES = ("[bold][/x]a.npz", "[bold][/x]b.npz")


def test_names_are_shown_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "[bold][").mkdir()
    runs, robust = [], []
    for count, name in enumerate(NAMES, 30):
        run = planned(tmp_path, monkeypatch, data=save_set(Path(name), count))
        for index in range(4):
            run_shard(run, single(index), linear_classifier, "test")
        report = reduce_run(run, linear_classifier)
        run.results.write_report(report.model_copy(update={"timing": {**report.timing, "[/x]": 1.0}}))
        runs.append(run.url)
        robust.append(f"{report.robust_accuracy:.4f}")
    store = str(tmp_path / "runs")
    for arguments, texts in (
        (["list", "--store", store], NAMES),
        (["compare", *runs], (*NAMES, "robust accuracy", *robust, "ssim full mean")),
        (["report", runs[0]], ("[/x]", "robust accuracy", robust[0], "mean SSIM, uncropped")),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        said = capsys.readouterr().out
        for text in texts:
            assert text in said


def test_a_run_without_labels_says_so_beside_one_that_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    urls = []
    for labelled in (False, True):
        run = planned(tmp_path, monkeypatch, labelled=labelled)
        for index in range(4):
            run_shard(run, single(index), linear_classifier, "test")
        urls.append(run.url)
        report = reduce_run(run, linear_classifier)
    for arguments, shown in (
        (["report", urls[0]], ["no labels"]),
        (["compare", *urls], ["no labels", f"{report.robust_accuracy:.4f}"]),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        said = capsys.readouterr().out
        (line,) = (line for line in said.splitlines() if "robust accuracy" in line)
        assert [cell.strip() for cell in line.strip("│┃| ").split("│")][1:] == shown
        assert len(re.findall(r"│ no labels +│", said)) == 3
    for command in ("list", "status"):
        with pytest.raises(SystemExit) as ended:
            main([command, "--store", str(tmp_path / "runs")])
        assert ended.value.code == 0
        assert "complete" in capsys.readouterr().out


def test_warnings_come_before_the_statistics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    run = planned(tmp_path, monkeypatch)
    for index in range(4):
        run_shard(run, single(index), linear_classifier, "test")
    report = reduce_run(run, linear_classifier)
    capsys.readouterr()
    gate = Gate(name="one class", status="failed", detail="[b]dog for all", source="here")
    broken = [BrokenRef(name=name, reason="truncated") for name in ("a.png", "b.png")]
    print_summary(run, report.model_copy(update={"gates": [gate], "notes": ["so [read]"], "broken_images": broken}))
    said = capsys.readouterr().out
    assert said.startswith("WARNING, one class: [b]dog for all\n")
    assert "note: so [read]\n" in said
    assert "left out, broken: 2; the first is a.png: truncated\n" in said
