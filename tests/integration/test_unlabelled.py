"""Images without labels, from the Python API to all that is made of the run."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import advshard
from core.run.index_map import IndexMap
from core.run.layout import INDEX_MAP
from core.run.run_store import RunStore
from orchestrator.commands.export import export_command
from tasks.app import app
from tests.runs import save_model

pytestmark = pytest.mark.usefixtures("one_thread")
COUNT, SHAPE = 40, (12, 12, 3)


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def arrays() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (COUNT, *SHAPE)).astype(np.uint8), rng.integers(0, 3, COUNT)


def test_a_whole_run_of_images_without_labels(tmp_path: Path) -> None:
    images, labels = arrays()
    model = save_model(tmp_path / "model.keras", SHAPE)
    common: dict[str, Any] = {"eps": 0.1, "shards": 3, "store": str(tmp_path / "runs")}
    bare, labelled = (advshard.run(model, images, given, **common) for given in (None, labels))
    report = bare.report
    assert report.complete
    assert all(check.passed for check in report.audit), report.audit
    assert (report.clean_accuracy, report.robust_accuracy, report.error_rate, report.classes) == (None,) * 4
    # Away from the prediction, labels play no part.
    np.testing.assert_array_equal(bare.attack_data, labelled.attack_data)
    assert report.attack_data_sha256 == labelled.report.attack_data_sha256
    assert report.success_rate == labelled.report.success_rate > 0
    assert bare.url != labelled.url
    assert labelled.report.clean_accuracy is not None

    assert bare.ledger["label"].to_pylist() == [None] * COUNT
    assert bare.ledger.drop_columns("label").equals(labelled.ledger.drop_columns("label"))
    written = json.loads((Path(bare.url) / "report.json").read_text())
    assert [written[name] for name in ("clean_accuracy", "robust_accuracy", "error_rate", "classes")] == [None] * 4
    index = IndexMap.load(io.BytesIO(RunStore(bare.url).results.content(INDEX_MAP)))
    assert index.label.tolist() == [-1] * COUNT
    page = Path(bare.page).read_text()
    assert page.count(">no labels<") == 3
    assert f">{report.success_rate:.4f}<" in page
    assert "robust accuracy: no labels" in repr(bare)

    out = tmp_path / "plain"
    assert CliRunner().invoke(export_command, [bare.url, "--out", str(out)]).exit_code == 0
    assert set(json.loads((out / "data_label_map.json").read_text()).values()) == {None}
    np.testing.assert_array_equal(np.load(out / "attack_data.npy"), bare.attack_data)


def test_true_labels_that_are_not_there_are_refused(tmp_path: Path) -> None:
    images, _ = arrays()
    model = save_model(tmp_path / "model.keras", SHAPE)
    with pytest.raises(advshard.DataError, match=r"array with labels, .* got no labels; .*move_from"):
        advshard.run(model, images, move_from="true", store=str(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()
