"""The look at the model on the first worker of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.run.layout import ATTACK_DATA, PREFLIGHT
from tests.processes import command, kill, only_run, started, wait_for, workers
from tests.runs import save_model, save_set

pytestmark = pytest.mark.usefixtures("one_thread")


def constant_model(path: Path) -> Path:
    """A classifier that predicts class 1 for everything."""
    save_model(path)
    import keras

    model = keras.saving.load_model(path)
    dense = model.layers[-2]
    dense.set_weights([0.01 * dense.get_weights()[0], np.array([0.0, 50, 0], np.float32)])
    model.save(path)
    return path


def test_a_model_that_predicts_one_class_is_named_first(tmp_path: Path) -> None:
    data = save_set(tmp_path / "set.npz", 2000)
    model = constant_model(tmp_path / "model.keras")
    store = str(tmp_path / "runs")
    done = command(
        "run", "--model", str(model), "--data", str(data), "--shards", "4", "--workers", "1", "--store", store
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING, one class: class 1 is predicted for 256 of 256 clean images" in done.stderr
    assert done.stdout.startswith("WARNING, one class: class 1 is predicted for 2000 of 2000 clean images")
    run = only_run(Path(store))
    report = json.loads((Path(run.url) / "report.json").read_text())
    gate = next(gate for gate in report["gates"] if gate["name"] == "one class")
    assert gate["status"] == "failed"
    assert set(gate) == {"name", "status", "detail", "source"}
    assert report["history"]["messages"] == 4
    page = (Path(run.url) / "report.html").read_text()
    assert page.index("Warning, one class") < page.index("Success rate")


def test_a_look_that_is_lost_changes_nothing(tmp_path: Path) -> None:
    data, model = save_set(tmp_path / "set.npz", 2000), save_model(tmp_path / "model.keras")
    line = ["run", "--model", str(model), "--data", str(data), "--shards", "4", "--workers", "1", "--store"]
    done = command(*line, str(tmp_path / "whole"))
    assert done.returncode == 0, done.stderr
    killed = tmp_path / "killed"
    with started(*line, str(killed)) as process:
        wait_for(lambda: list(killed.glob("*/attempts/*/*.json")))
        for worker in workers(process.pid):
            kill(worker)  # it has begun the first range, and with it the look
        process.communicate(timeout=120)
        assert process.returncode == 0
    whole = only_run(tmp_path / "whole")
    assert whole.folder.exists(PREFLIGHT)
    assert whole.results.content(ATTACK_DATA) == only_run(killed).results.content(ATTACK_DATA)
    assert not only_run(killed).folder.exists(PREFLIGHT)
