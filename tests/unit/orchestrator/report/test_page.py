"""The page of a run, and what it shows of the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.reduce.reduce_run import reduce_run
from core.run.layout import REPORT_PAGE
from core.run.manifest import BrokenRef
from core.run.report import Gate
from core.run.work_unit import single
from core.shard.attack_shard import run_shard
from orchestrator.report.page import headline, write_page
from tests.documents import REPORT
from tests.runs import linear_classifier, planned
from tests.unit.core.run.test_manifest import manifest


def test_the_head_shows_both_accuracies_and_both_ssims() -> None:
    timing = {"shards_cpu_seconds": 2.0}
    shown = {name: value for name, value, _, _ in headline(REPORT.model_copy(update={"timing": timing}), manifest())}
    assert shown["Clean accuracy"] == "0.9000"
    assert shown["Robust accuracy"] == "0.4000"
    assert shown["Error rate"] == "0.6000"
    assert shown["Mean SSIM"] == "0.9000"
    assert shown["Mean SSIM, uncropped"] == "0.8000"
    assert shown["Mean SSIM, successes"] == "not defined"


@pytest.mark.parametrize(("shape", "charts"), [((12, 12, 1), 2), ((8, 8, 3), 1)])
def test_the_page_of_a_run(tmp_path: Path, monkeypatch: Any, shape: tuple[int, ...], charts: int) -> None:
    run = planned(tmp_path, monkeypatch, shape=shape)
    for index in range(run.manifest().shards):
        run_shard(run, single(index), linear_classifier, "test")
    report = reduce_run(run, linear_classifier)
    write_page(run, report)
    page = run.results.content(REPORT_PAGE).decode()
    assert f"{report.robust_accuracy:.4f}" in page
    for mean in report.ssim_mean, report.ssim_full_mean:
        assert ("not defined" if mean is None else f"{mean:.4f}") in page
    assert page.count("<svg") == charts
    write_page(run, report)
    assert run.results.content(REPORT_PAGE).decode() == page


@pytest.mark.parametrize(("shape", "charts"), [((12, 12, 1), 1), ((8, 8, 3), 0)])
def test_the_page_of_a_run_without_labels(
    tmp_path: Path, monkeypatch: Any, shape: tuple[int, ...], charts: int
) -> None:
    run = planned(tmp_path, monkeypatch, shape=shape, labelled=False)
    for index in range(run.manifest().shards):
        run_shard(run, single(index), linear_classifier, "test")
    report = reduce_run(run, linear_classifier)
    shown = {name: value for name, value, _, _ in headline(report, run.manifest())}
    assert [name for name, value in shown.items() if value == "no labels"] == [
        "Clean accuracy",
        "Robust accuracy",
        "Error rate",
    ]
    assert shown["Success rate"] == f"{report.success_rate:.4f}"
    write_page(run, report)
    page = run.results.content(REPORT_PAGE).decode()
    assert "which has no labels" in page
    assert page.count(">no labels<") == 3
    assert page.count("<svg") == charts
    assert ("<h2>Similarity</h2>" in page) == bool(charts)
    assert "<th>Class</th>" not in page
    assert page.count("<figure>") >= 16
    captions = [each.split("</figcaption>")[0] for each in page.split("<figcaption>")[1:]]
    assert not any(word in caption for caption in captions for word in ("label", "None"))


def test_what_may_mean_nothing_comes_first(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch)
    for index in range(run.manifest().shards):
        run_shard(run, single(index), linear_classifier, "test")
    report = reduce_run(run, linear_classifier)
    gates = [
        Gate(name="one class", status="failed", detail="<b>dog</b> for all", source="here"),
        Gate(name="other", status="passed", detail="well", source="there"),
    ]
    broken = [BrokenRef(name=f"{number}.png", reason="truncated") for number in range(60)]
    change = {"gates": gates, "notes": ["the labels were <read> so"], "broken_images": broken}
    write_page(run, report.model_copy(update=change))
    page = run.results.content(REPORT_PAGE).decode()
    assert page.index("Warning, one class: &lt;b&gt;dog&lt;/b&gt; for all") < page.index("Success rate")
    assert "Warning, other" not in page
    assert "the labels were &lt;read&gt; so" in page
    assert page.count("truncated") == 50
    assert "10 more" in page
