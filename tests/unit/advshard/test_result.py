from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from IPython.core.formatters import HTMLFormatter

import advshard
from core.reduce.reduce_run import reduce_run
from core.run.report import Gate
from core.run.run_store import RunStore
from core.run.work_unit import single
from core.shard.attack_shard import run_shard
from tests.runs import linear_classifier, planned, save_set


def reduced(run: RunStore, *shards: int) -> str:
    for index in shards:
        run_shard(run, single(index), linear_classifier, "test")
    reduce_run(run, linear_classifier)
    return run.url


def test_a_run_is_opened_with_all_it_has(tmp_path: Path, monkeypatch: Any) -> None:
    result = advshard.open_run(reduced(planned(tmp_path, monkeypatch), 0, 1, 2, 3))
    assert result.report.complete
    assert result.ledger.num_rows == result.report.n_images == 30
    assert result.attack_data.shape == (30, 12, 12, 1)
    assert isinstance(result.attack_data, np.memmap)
    success = np.asarray(result.ledger["success"])
    assert success.mean() == result.report.success_rate


def test_its_text_says_what_counts(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    run = planned(tmp_path, monkeypatch, data=save_set(Path("<b>.npz")))
    result = advshard.open_run(reduced(run, 0, 1, 2, 3))
    html = HTMLFormatter()(result)  # as a notebook asks for it
    for text in (repr(result), html):
        assert f"{result.report.robust_accuracy:.4f}" in text
        assert result.url in text
    assert "&lt;b&gt;.npz" in html
    assert "<b>" not in html


def test_an_incomplete_run_says_so(tmp_path: Path, monkeypatch: Any) -> None:
    result = advshard.open_run(reduced(planned(tmp_path, monkeypatch), 0, 2))
    assert "of 30, INCOMPLETE" in repr(result)
    with pytest.raises(advshard.IncompleteError, match="shards 1, 3 are missing"):
        _ = result.attack_data


def test_a_warning_comes_first(tmp_path: Path, monkeypatch: Any) -> None:
    result = advshard.open_run(reduced(planned(tmp_path, monkeypatch), 0, 1, 2, 3))
    gate = Gate(name="one class", status="failed", detail="dog for all", source="here")
    report = result.report.model_copy(update={"gates": [gate]})
    run = RunStore(result.url)
    run.results.write_report(report)
    said = repr(advshard.open_run(result.url)).splitlines()
    assert said[1] == "  WARNING, one class: dog for all"


def test_what_has_no_report_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch)
    with pytest.raises(advshard.ConfigError, match=f"advshard resume {run.url}"):
        advshard.open_run(run.url)
    with pytest.raises(advshard.StoreError, match="the folder of a run"):
        advshard.open_run(tmp_path)


def test_a_run_without_labels_says_so(tmp_path: Path, monkeypatch: Any) -> None:
    result = advshard.open_run(reduced(planned(tmp_path, monkeypatch, labelled=False), 0, 1, 2, 3))
    assert result.report.robust_accuracy is None
    assert result.ledger["label"].null_count == 30
    assert "robust accuracy: no labels\n" in repr(result)
    assert "robust accuracy</th><td>no labels</td>" in HTMLFormatter()(result)
    assert f"success rate: {result.report.success_rate:.4f}\n" in repr(result)
