from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError, DataError, ModelError, StoreError
from orchestrator.planning import plan as plan_module
from orchestrator.planning.plan import Request, load_images, run_config
from tests.runs import planned, save_set


def request(**change: Any) -> Request:
    return Request(store="unused", **change)


def test_every_hyper_parameter_is_written_out() -> None:
    config = run_config(request(params={"epsilon": 0.1}))
    main, fallback = config.stages
    assert (main.attack, main.only_unchanged) == ("mifgsm", False)
    assert main.params == {
        "epsilon": 0.1,
        "norm": "linf",
        "steps": 10,
        "step_size": None,
        "schedule": "constant",
        "loss": "cross_entropy",
        "early_stop": True,
        "step_back": 6,
        "random_start": False,
        "restarts": 0,
        "decay": 0.25,
    }
    assert (fallback.attack, fallback.only_unchanged) == ("ifgsm", True)
    assert fallback.params["loss"] == "margin"
    assert fallback.params["steps"] == 5
    assert fallback.params["epsilon"] == 0.1
    assert [stage.attack for stage in run_config(request(fallback=None)).stages] == ["mifgsm"]
    assert run_config(request(fallback="fgsm")).stages[1].params["steps"] == 1


def epsilon(**change: Any) -> float:
    found = run_config(request(**change)).stages[0].params["epsilon"]
    assert isinstance(found, float)
    return found


def test_the_default_epsilon_is_a_share_of_the_bounds() -> None:
    assert epsilon(bounds=(-100.0, 155.0)) == pytest.approx(255 * epsilon())
    assert epsilon(bounds=(0.0, 255.0), params={"epsilon": 8.0}) == 8.0
    in_l2 = epsilon(bounds=(0.0, 255.0), params={"norm": "l2"})
    assert in_l2 == pytest.approx(255 * 1.5)
    assert epsilon(params={"norm": "l2", "epsilon": 3.0}) == 3.0


def test_a_cascade_shares_hyper_parameters_or_not() -> None:
    params = {"steps": 7, "ifgsm.steps": 3, "decay": 0.5, "ifgsm.loss": "margin"}
    stages = run_config(request(attack="mifgsm,ifgsm", fallback=None, params=params)).stages
    assert [(stage.attack, stage.params["steps"], stage.params["loss"]) for stage in stages] == [
        ("mifgsm", 7, "cross_entropy"),
        ("ifgsm", 3, "margin"),
    ]
    assert stages[0].params["decay"] == 0.5
    with_fallback = run_config(request(attack="mifgsm,ifgsm")).stages
    assert [(stage.attack, stage.only_unchanged) for stage in with_fallback] == [
        ("mifgsm", False),
        ("ifgsm", True),
        ("ifgsm", False),
    ]


def test_a_target_is_a_class_or_a_rule(tmp_path: Path, monkeypatch: Any) -> None:
    assert run_config(request()).target is None
    assert run_config(request(target="3")).target == 3
    assert run_config(request(target="least-likely")).target == "least-likely"
    assert planned(tmp_path, monkeypatch, target="2").manifest().config.target == 2
    with pytest.raises(ConfigError, match=r"a target in 0\.\.2, for a model with 3 classes; got 3"):
        planned(tmp_path, monkeypatch, target="3")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shards": 0}, "1 shard or more; got 0"),
        ({"limit": 0}, "a limit of 1 image or more; got 0"),
        ({"bounds": (1.0, 0.0)}, "bounds LO below HI"),
        ({"bounds": (0.0, float("inf"))}, "bounds LO below HI"),
        ({"params": {"epsilon": 8.0}}, "epsilon of at most 1, the extent of the bounds 0..1; got 8"),
        ({"params": {"step_size": 2.0}}, "step_size of at most 1"),
        ({"params": {"epsilon": float("nan")}}, "valid epsilon"),
        ({"attack": "nope"}, "choose one of"),
        ({"fallback": "nope"}, "choose one of"),
        ({"attack": "fgsm", "params": {"steps": 3}}, "fgsm with a valid steps"),
        ({"attack": "fgsm", "params": {"decay": 1.0}}, "a hyper-parameter of fgsm; got decay"),
        ({"attack": "fgsm,ifgsm", "params": {"decay": 1.0}}, "a hyper-parameter of one of fgsm, ifgsm; got decay"),
        ({"attack": "fgsm,ifgsm", "params": {"mifgsm.decay": 1.0}}, "'mifgsm' is not among the attacks"),
        ({"attack": "mifgsm,ifgsm,mifgsm"}, "each attack once; got mifgsm twice"),
        ({"attack": "mifgsm,nope"}, "choose one of"),
        ({"target": "-1"}, "a class number, least-likely or random as the target; got '-1'"),
        ({"target": "cat"}, "got 'cat'"),
    ],
)
def test_a_request_that_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        run_config(request(**change))
    assert said in str(refused.value)


def test_an_unknown_data_set_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="choose one of fashion-mnist"):
        load_images("mnist", (0.0, 1.0))


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


def test_labels_must_be_classes_of_the_model(tmp_path: Path, monkeypatch: Any) -> None:
    data = save_set(tmp_path / "more.npz", classes=5)
    with pytest.raises(DataError, match=r"labels in 0\.\.2, for a model with 3 classes; got a label 4"):
        planned(tmp_path, monkeypatch, data=data)


def test_a_full_disk_is_found_before_anything_is_sent(tmp_path: Path, monkeypatch: Any) -> None:
    class Full:
        free = 1000

    monkeypatch.setattr("orchestrator.planning.plan.shutil.disk_usage", lambda path: Full)
    with pytest.raises(StoreError, match="MB free in the store"):
        planned(tmp_path, monkeypatch)
    assert not (tmp_path / "runs").exists()


def test_a_disk_that_fills_up_leaves_no_manifest(tmp_path: Path, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.run.inputs.Inputs.write", full)
    with pytest.raises(StoreError, match="No space left on device; make room"):
        planned(tmp_path, monkeypatch)
    assert list((tmp_path / "runs").glob("*/manifest.json")) == []


def test_the_batch_gets_smaller_as_images_get_larger() -> None:
    assert plan_module._batch_size((28, 28, 1)) == 64
    assert plan_module._batch_size((32, 32, 3)) == 64
    assert plan_module._batch_size((224, 224, 3)) == 4
    assert plan_module._batch_size((128, 128, 3)) == 16


def test_a_model_is_a_name_or_a_file(tmp_path: Path) -> None:
    from core.models.files.card import resolve

    name, path, card = resolve("cnn", (28, 28, 1))
    assert (name, card.classes) == ("cnn", 10)
    assert path.is_file()
    with pytest.raises(ModelError, match=r"takes images of shape \(32, 32, 3\)"):
        resolve("cnn", (32, 32, 3))
    with pytest.raises(ConfigError, match="choose one of cnn, dscnn, mlp"):
        resolve("resnet", (28, 28, 1))
    with pytest.raises(ModelError, match="no file"):
        resolve(str(tmp_path / "none.keras"), (28, 28, 1))


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
