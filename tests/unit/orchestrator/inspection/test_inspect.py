"""``inspect``, with the model inspected in the test's process."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from core.registry import MODELS
from orchestrator.commands.inspect import inspect_command
from tests.inspection import inspect_here

pytestmark = pytest.mark.usefixtures("one_thread")
CLASSES, COUNT = 4, 400
SHAPE = (8, 8, 3)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    inspect_here(monkeypatch)


def inspected(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(inspect_command, [*arguments, "--json"])
    assert done.exit_code == 0, (done.output, done.exception)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def screen(*arguments: str) -> str:
    done = CliRunner().invoke(inspect_command, [*arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def bright_quarters(path: Path, **more: Any) -> Path:
    """Dark images of which the quarter that their class names is bright."""
    labels = np.arange(COUNT) * CLASSES // COUNT  # sorted, as class folders come
    images = np.random.default_rng(0).integers(0, 40, (COUNT, *SHAPE)).astype(np.uint8)
    for row, label in enumerate(labels):
        top, left = 4 * (label // 2), 4 * (label % 2)
        images[row, top : top + 4, left : left + 4] += 60
    np.savez(path, **{"images": images, "labels": labels, **more})
    return path


def quarter_model(path: Path, unit: float = 1.0, name: str = "quarters") -> Path:
    """It is right where pixels are in 0..unit, and predicts class 1 where they are much smaller."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.AveragePooling2D(4),
            layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones"),
            layers.Flatten(),
            layers.Dense(CLASSES, activation="softmax"),
        ],
        name=name,
    )
    model.layers[-1].set_weights([40 / unit * np.eye(4, dtype=np.float32), np.array([0, 1, 0, 0], np.float32)])
    model.save(path)
    return path


def test_what_is_understood_of_a_good_pair(tmp_path: Path) -> None:
    data, model = bright_quarters(tmp_path / "set.npz"), quarter_model(tmp_path / "model.keras")
    found = inspected(str(model), "--data", str(data))
    assert found["warnings"] == []
    assert found["model"]["input_shape"] == list(SHAPE)
    assert found["model"]["output"] == "softmax removed"
    assert found["model"]["parameters"] == 3 + CLASSES * (CLASSES + 1)
    assert (found["model"]["bounds"], found["model"]["bounds_from"]) == ([0, 1], "default")
    assert (found["data"]["count"], found["data"]["shape"], found["data"]["dtype"]) == (COUNT, list(SHAPE), "uint8")
    assert found["data"]["labelled"]
    sample = found["sample"]
    assert (sample["images"], sample["clean_accuracy"]) == (256, 1.0)
    assert sample["labelled"] == sample["predicted"] == {str(each): 64 for each in range(CLASSES)}
    assert sample["others"] == []
    cost = found["cost"]
    assert 0 < cost["forward_seconds"] < 1
    backward = max(0, cost["gradient_seconds"] - cost["forward_seconds"])
    passes = cost["forward_passes"] * cost["forward_seconds"] + cost["backward_passes"] * backward
    assert cost["cpu_seconds"] == pytest.approx(COUNT * passes)
    assert shlex.split(found["command"]) == ["advshard", "run", "--model", str(model), "--data", str(data)]
    said = screen(str(model), "--data", str(data), "--limit", "100")
    assert "clean accuracy 1.0000" in said
    assert "100 of 400 images" in said
    assert said.endswith(f"advshard run --model {model} --data {data} --limit 100\n")


def test_a_model_for_other_bounds_is_recognised_first(tmp_path: Path) -> None:
    data, model = bright_quarters(tmp_path / "a set.npz"), quarter_model(tmp_path / "bytes.keras", 255)
    found = inspected(str(model), "--data", str(data))
    assert found["warnings"][0].startswith("one class: class 1 is predicted for 256 of 256")
    assert "--bounds 0 255, with clean accuracy 1.00" in found["warnings"][-1]
    assert found["command"] == f"advshard run --model {model} --data '{data}' --bounds 0 255"
    said = screen(str(model), "--data", str(data))
    assert said.startswith("WARNING, one class: class 1")
    assert "--bounds 0 255: clean accuracy 1.00, 25% in the most frequent class, on 64 images" in said
    assert inspected(str(model), "--data", str(data), "--bounds", "0", "255")["warnings"] == []


def test_without_labels_the_evenness_tells(tmp_path: Path) -> None:
    bright_quarters(tmp_path / "set.npz")
    np.save(tmp_path / "images.npy", np.load(tmp_path / "set.npz")["images"])
    model = quarter_model(tmp_path / "bytes.keras", 255)
    found = inspected(str(model), "--data", str(tmp_path / "images.npy"))
    assert not found["data"]["labelled"]
    assert (found["sample"]["clean_accuracy"], found["sample"]["labelled"]) == (None, None)
    assert found["command"].endswith("--bounds 0 255")
    assert "% of the images in the most frequent class" in found["warnings"][-1]


def test_where_no_reading_helps_the_likely_causes_are_named(tmp_path: Path) -> None:
    labels = np.repeat([1, 2, 3, 0], COUNT // CLASSES)
    data = bright_quarters(tmp_path / "set.npz", labels=labels)
    found = inspected(str(quarter_model(tmp_path / "model.keras")), "--data", str(data))
    assert [each.partition(":")[0] for each in found["warnings"]] == ["clean accuracy", "likely causes"]
    assert "--classes FILE" in found["warnings"][-1]
    assert "--bounds" not in found["command"]


def test_a_family_that_usually_needs_preprocessing_is_named(tmp_path: Path) -> None:
    model = quarter_model(tmp_path / "model.keras", name="resnet50")
    found = inspected(str(model))
    assert (found["data"], found["sample"], found["cost"]["cpu_seconds"]) == (None, None, None)
    assert "usually need --preprocess caffe" in found["warnings"][0]
    assert found["command"] == f"advshard inspect {model} --data DATA"
    found = inspected(str(model), "--preprocess", "caffe")
    assert found["warnings"] == []
    assert found["command"].endswith("--data DATA --preprocess caffe")


def test_probabilities_that_can_not_be_taken_apart_are_a_warning(tmp_path: Path) -> None:
    import keras
    from keras import layers

    entry = keras.Input(SHAPE)
    probabilities = layers.Softmax()(layers.Flatten()(entry)) * 1.0
    keras.Model(entry, probabilities).save(tmp_path / "model.keras")
    found = inspected(str(tmp_path / "model.keras"))
    assert found["model"]["output"] == "probabilities"
    assert ["gradients vanish" in each for each in found["warnings"]] == [True]
    assert not any("gradients vanish" in each for each in found["model"]["notes"])


def test_a_shipped_model_alone() -> None:
    assert "mlp" in MODELS
    said = screen("mlp")
    assert "10 classes, a softmax, which is removed" in said
    assert "28 x 28 x 1" in said
    assert said.endswith("advshard inspect mlp --data DATA\n")


def test_what_run_would_refuse_is_refused(tmp_path: Path) -> None:
    data, model = bright_quarters(tmp_path / "set.npz"), quarter_model(tmp_path / "model.keras")
    done = CliRunner().invoke(inspect_command, ["cnn", "--data", str(data)])
    assert "takes images of shape (8, 8, 3)" in str(done.exception)
    done = CliRunner().invoke(inspect_command, [str(model), "--data", str(data), "--import", "json"])
    assert "add --trust-model" in str(done.exception)


def test_the_options_that_were_given_are_in_the_command(tmp_path: Path) -> None:
    bright_quarters(tmp_path / "set.npz", x=np.zeros((COUNT, *SHAPE), np.uint8))
    model = quarter_model(tmp_path / "model.keras")
    data = str(tmp_path / "set.npz")
    given = ["--data", data, "--keys", "images,labels", "--sample", "200", "--trust-model", "--import", "json"]
    found = inspected(str(model), *given)
    assert shlex.split(found["command"]) == ["advshard", "run", "--model", str(model), *given]
    assert found["data"]["count"] == 200
