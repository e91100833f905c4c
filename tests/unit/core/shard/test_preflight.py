"""The look at a run before its first shard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.image.pixels import to_float
from core.models.inference.classifier import Classifier, predict
from core.run.layout import PREFLIGHT
from core.run.manifest import Manifest
from core.run.records import Preflight
from core.run.run_store import RunStore
from core.shard.preflight import gates_of, run_preflight, worth_a_look
from tests.classifiers import LinearClassifier
from tests.runs import linear_classifier, planned, save_set


def of_one_class(_: RunStore, manifest: Manifest) -> Classifier:
    return LinearClassifier(np.zeros((3, 144)), np.array([0.0, 1, 0]), batch_size=manifest.config.batch_size)


def test_what_it_finds_on_a_small_set(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch)
    manifest = run.manifest()
    run_preflight(run, linear_classifier)
    found = run.preflight()
    assert found is not None
    images = to_float(run.inputs.images(manifest.data, 0, 30), (0.0, 1.0))
    labels = run.inputs.labels(manifest.data, 0, 30)
    predictions = predict(linear_classifier(run, manifest), images)
    assert found.images == 30
    assert found.predicted == {int(each): int((predictions == each).sum()) for each in np.unique(predictions)}
    assert found.right == (predictions == labels).sum()
    assert found.labelled is not None
    assert sum(found.labelled.values()) == 30


def test_it_warns_of_one_class(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch, data=save_set(tmp_path / "large.npz", 600))
    run_preflight(run, of_one_class)
    found = run.preflight()
    assert found is not None
    assert (found.images, found.predicted) == (256, {1: 256})
    assert gates_of(found, run.manifest())[0].status == "failed"


def test_without_labels(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch, labelled=False)
    run_preflight(run, of_one_class)
    found = run.preflight()
    assert found is not None
    assert (found.right, found.labelled) == (None, None)
    assert [gate.status for gate in gates_of(found, run.manifest())] == ["warning", "skipped"]


def test_it_looks_once(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch)
    run_preflight(run, of_one_class)
    before = (Path(run.url) / PREFLIGHT).read_bytes()
    run_preflight(run, linear_classifier)
    assert (Path(run.url) / PREFLIGHT).read_bytes() == before


def test_it_is_left_out_where_the_run_is_as_cheap(tmp_path: Path, monkeypatch: Any) -> None:
    assert not worth_a_look(planned(tmp_path, monkeypatch).manifest())
    large = save_set(tmp_path / "large.npz", 2000)
    assert worth_a_look(planned(tmp_path, monkeypatch, data=large).manifest())
    assert not worth_a_look(planned(tmp_path, monkeypatch, data=large, attack="gaussian").manifest())
    assert worth_a_look(planned(tmp_path, monkeypatch, attack="composition").manifest())  # of unknown cost
    assert worth_a_look(planned(tmp_path, monkeypatch, params={"steps": 1000}).manifest())


@pytest.mark.parametrize(
    "change",
    [{"predicted": {0: 9}}, {"labelled": None}, {"labelled": {0: 11}}, {"right": 11}, {"right": None}],
)
def test_counts_that_do_not_add_up_are_refused(change: dict[str, Any]) -> None:
    good = {"images": 10, "predicted": {0: 4, 1: 6}, "labelled": {0: 10}, "right": 4}
    Preflight.model_validate({**good, "forward_seconds": 0.1, "gradient_seconds": 0.2})
    with pytest.raises(ValueError, match="of 10 images"):
        Preflight.model_validate({**good, "forward_seconds": 0.1, "gradient_seconds": 0.2, **change})
