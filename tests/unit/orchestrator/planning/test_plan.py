from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError, DataError
from tests.runs import planned, save_set


def test_the_run_id_is_that_of_all_that_determines_the_result(tmp_path: Path, monkeypatch: Any) -> None:
    ids: dict[str, str] = {"base": planned(tmp_path, monkeypatch).manifest().run_id}
    assert planned(tmp_path, monkeypatch, max_attempts=9).manifest().run_id == ids["base"]
    other = save_set(tmp_path / "other.npz", 31)
    changes: dict[str, dict[str, Any]] = {
        "epsilon": {"params": {"epsilon": 0.1}},
        "labels": {"labels": "true"},
        "seed": {"seed": 1},
        "fallback": {"fallback": None},
        "attack": {"attack": "ifgsm"},
        "shards": {"shards": 5},
        "limit": {"limit": 29},
        "data": {"data": other},
        "batch": {"batch_size": 8},
        "bounds": {"bounds": (-1.0, 1.0)},
        "preprocess": {"preprocess": "tf"},
        "target": {"target": "1"},
        "cascade": {"attack": "mifgsm,ifgsm"},
    }
    for name, change in changes.items():
        ids[name] = planned(tmp_path, monkeypatch, **change).manifest().run_id
    assert len(set(ids.values())) == len(ids)


def test_the_inputs_stand_in_the_store_as_they_came(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch, limit=20)
    manifest = run.manifest()
    with np.load(tmp_path / "set.npz") as source:
        np.testing.assert_array_equal(run.inputs.images(manifest.data, 3, 9), source["images"][3:9])
        np.testing.assert_array_equal(run.inputs.labels(manifest.data, 0, 20), source["labels"][:20])
    assert manifest.data.count == 20
    assert run.inputs.content(manifest.model.file) == (tmp_path / "fake.keras").read_bytes()
    assert run.inputs.content(manifest.data.images)


def test_preprocessing_stands_in_the_manifest_and_must_fit_the_model(tmp_path: Path, monkeypatch: Any) -> None:
    assert planned(tmp_path, monkeypatch).manifest().config.preprocess == "none"
    assert planned(tmp_path, monkeypatch, preprocess="tf").manifest().config.preprocess == "tf"
    with pytest.raises(ConfigError, match="RGB images with --preprocess caffe; got one for 1 channel"):
        planned(tmp_path, monkeypatch, preprocess="caffe")
    with pytest.raises(ConfigError, match="none, tf, torch, caffe as the preprocessing; got 'imagenet'"):
        planned(tmp_path, monkeypatch, preprocess="imagenet")


def test_the_precision_stands_in_the_manifest(tmp_path: Path, monkeypatch: Any) -> None:
    assert planned(tmp_path, monkeypatch).manifest().config.precision == "float32"
    # What the fake model multiplies is unknown.
    assert planned(tmp_path, monkeypatch, precision="auto").manifest().config.precision == "float32"
    monkeypatch.setattr("orchestrator.planning.plan.bfloat16_instructions", lambda: "avx512_bf16")
    half = planned(tmp_path, monkeypatch, precision="bfloat16").manifest()
    assert half.config.precision == "bfloat16"
    assert half.run_id != planned(tmp_path, monkeypatch).manifest().run_id


def test_bfloat16_is_refused_where_the_processor_lacks_it(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    with pytest.raises(ConfigError, match="expected a processor with avx512_bf16 or amx_bf16"):
        planned(tmp_path, monkeypatch, precision="bfloat16")
    assert not list(tmp_path.glob("runs/*/manifest.json"))
    elsewhere = planned(tmp_path, monkeypatch, precision="bfloat16", elsewhere=True)
    assert elsewhere.manifest().config.precision == "bfloat16"


def test_labels_must_be_classes_of_the_model(tmp_path: Path, monkeypatch: Any) -> None:
    data = save_set(tmp_path / "more.npz", classes=5)
    with pytest.raises(DataError, match=r"labels in 0\.\.2, for a model with 3 classes; got a label 4"):
        planned(tmp_path, monkeypatch, data=data)


@pytest.mark.parametrize(
    ("change", "together"),
    [
        ({"shards": 30}, 1),
        ({"shards": 200}, 3),
        ({"shards": 200, "shards_per_task": 7}, 7),
        ({"shards": 200, "attack": "one-pixel"}, 1),
        ({"shards": 200, "attack": "ifgsm,composition"}, 1),
    ],
)
def test_small_shards_go_together_unless_their_attack_is_heavy(
    tmp_path: Path, monkeypatch: Any, change: dict[str, Any], together: int
) -> None:
    data = save_set(tmp_path / "many.npz", 240)
    assert planned(tmp_path, monkeypatch, data=data, **change).manifest().shards_per_task == together


def test_the_run_does_not_depend_on_how_many_shards_a_task_takes(tmp_path: Path, monkeypatch: Any) -> None:
    data = save_set(tmp_path / "many.npz", 240)
    first, again = (planned(tmp_path, monkeypatch, data=data, shards=200, shards_per_task=size) for size in (2, 5))
    assert first.url == again.url
    assert again.manifest().shards_per_task == 2, "as it was planned"


def test_a_target_must_be_a_class_of_the_model(tmp_path: Path, monkeypatch: Any) -> None:
    assert planned(tmp_path, monkeypatch, target="2").manifest().config.target == 2
    with pytest.raises(ConfigError, match=r"a target in 0\.\.2, for a model with 3 classes; got 3"):
        planned(tmp_path, monkeypatch, target="3")


def test_a_set_without_labels_has_no_such_input(tmp_path: Path, monkeypatch: Any) -> None:
    labelled, bare = (planned(tmp_path, monkeypatch, labelled=labelled) for labelled in (True, False))
    assert bare.manifest().run_id != labelled.manifest().run_id
    data = bare.manifest().data
    assert data == labelled.manifest().data.model_copy(update={"labels": None})
    assert bare.inputs.labels(data, 0, 30) is None
    names = [{path.name for path in (Path(run.url) / "inputs").iterdir()} for run in (labelled, bare)]
    labels = labelled.manifest().data.labels
    assert labels is not None
    assert names[0] - names[1] == {labels.name}
    assert names[1] < names[0]
    assert planned(tmp_path, monkeypatch, labelled=False).url == bare.url
    target = planned(tmp_path, monkeypatch, labelled=False, target="1")
    assert target.manifest().config.target == 1


def test_true_labels_are_not_there_to_be_moved_away_from(tmp_path: Path, monkeypatch: Any) -> None:
    with pytest.raises(DataError, match=r"with labels, .* got no labels; leave --labels true out"):
        planned(tmp_path, monkeypatch, labelled=False, labels="true")
    assert not list((tmp_path / "runs").glob("*/manifest.json"))
