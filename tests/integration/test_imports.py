"""A model with a layer of the user's own, and a SavedModel, through the command line and real workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.run.store import Store
from orchestrator.broker.valkey_server import ValkeyServer
from tests.custom_layer import save_custom, write_layers
from tests.processes import ROOT, running
from tests.runs import SHAPE, save_set

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder, with a file of the name of one of our modules."""
    save_custom(tmp_path / "model.keras", write_layers(tmp_path / "mine_layers.py"))
    (tmp_path / "tasks.py").write_text("raise RuntimeError('tasks.py of the user was imported')\n")
    save_set(tmp_path / "set.npz")
    return tmp_path


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "ADVSHARD_CACHE": str(folder / "cache"), **more}


def call(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *arguments],
        cwd=folder,
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


RUN = ("run", "--model", "model.keras", "--data", "set.npz", "--store", "runs", "--shards", "2", "--workers", "1")


def test_a_layer_of_the_users_own_with_embedded_workers(folder: Path) -> None:
    refused = call(folder, *RUN)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
    assert "give --import FILE.py --trust-model" in refused.stderr
    refused = call(folder, *RUN, "--import", "mine_layers.py")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
    assert "add --trust-model" in refused.stderr
    assert not (folder / "runs").exists()

    for number, module in enumerate(("mine_layers.py", "mine_layers")):
        done = call(folder, *RUN, "--trust-model", "--import", module, "--seed", str(number))
        assert done.returncode == 0, done.stderr


def test_a_layer_of_the_users_own_with_workers_of_ones_own(folder: Path, server: ValkeyServer) -> None:
    command = [sys.executable, "-m", "orchestrator", "worker", "--concurrency", "1", "--trust-model"]
    run = (*RUN[:-2], "--trust-model", "--import", "mine_layers", "--max-attempts", "1")
    broker = {"ADVSHARD_BROKER_URL": server.url}
    with running(command, environment(folder, **broker), folder):
        done = call(folder, *run, **broker)
    assert done.returncode == 3, done.stderr
    (found,) = Store(str(folder / "runs")).runs()
    assert "--import FILE.py --trust-model" in found.quarantine.errors()[0]

    with running([*command, "--import", "mine_layers.py"], environment(folder, **broker), folder):
        done = call(
            folder, "resume", found.url, "--retry-quarantined", "--trust-model", "--import", "mine_layers.py", **broker
        )
    assert done.returncode == 0, done.stderr


def test_a_saved_model_runs_where_it_is_trusted(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")])
    model.export(tmp_path / "exported", verbose=False)
    save_set(tmp_path / "set.npz")
    run = ("run", "--model", "exported", *RUN[3:])
    refused = call(tmp_path, *run)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
    assert "a SavedModel" in refused.stderr
    done = call(tmp_path, *run, "--trust-model")
    assert done.returncode == 0, done.stderr
    (found,) = Store(str(tmp_path / "runs")).runs()
    manifest, report = found.manifest(), found.results.report()
    assert manifest.model.name == "exported"
    assert manifest.model.file.name.endswith(".savedmodel.zip")
    assert report is not None
    assert report.success_rate > 0.5
