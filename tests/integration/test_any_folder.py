"""In a folder whose files are called like our modules and our dependencies, everything works as elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import orchestrator
from core.run.store import Store
from orchestrator.broker.valkey_server import ValkeyServer
from tests.processes import wait_for
from tests.runs import save_model, save_set

NAMES = ("tasks", "core", "celery", "redis", "bench", "numpy", "click", "kombu", "keras", "tensorflow", "pydantic")
SHAPE = (28, 28, 1)
HERE = Path(orchestrator.__file__).parent.parent
API = """
import advshard, numpy as np
rng = np.random.default_rng(0)
images, labels = rng.integers(0, 256, (20, 28, 28, 1)).astype(np.uint8), rng.integers(0, 10, 20)
result = advshard.run({model!r}, images, labels, eps=0.1, shards=2, workers=1, store="runs")
assert result.report.complete, result
print(result.url)
"""


@pytest.fixture
def folder(tmp_path: Path, one_thread: None) -> Path:
    """Modules that raise when they are imported, a folder ``tests``, an image set and a model."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('{name}.py of the user was imported')\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").write_text("raise RuntimeError('tests of the user was imported')\n")
    save_set(tmp_path / "mine.npz", shape=SHAPE, classes=10)
    save_model(tmp_path / "mine.keras", SHAPE, 10)
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    """Where the packages are not installed, as in a clone, they are found by PYTHONPATH."""
    return {**os.environ, "PYTHONPATH": str(HERE), **more}


FORMS = {"module": [sys.executable, "-m", "orchestrator"], "script": [str(Path(sys.executable).with_name("advshard"))]}
# A model of the user's own is loaded for a look first, in one more process; the workers are the same for any model.
SET = ("--data", "mine.npz", "--store", "runs", "--shards", "2", "--model", "mlp")
OWN = (*SET[:-1], "mine.keras")


def call(form: str, folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*FORMS[form], *arguments],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("form", list(FORMS))
def test_a_run_with_embedded_workers_and_flower(folder: Path, form: str) -> None:
    done = call(form, folder, "run", *OWN, "--workers", "1", "--flower")
    assert done.returncode == 0, done.stderr
    assert "of the user was imported" not in done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == str(next((folder / "runs").iterdir()))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("form", list(FORMS))
def test_a_worker_of_one_s_own(folder: Path, server: ValkeyServer, form: str) -> None:
    broker = {"ADVSHARD_BROKER_URL": server.url}
    worker = subprocess.Popen(
        [*FORMS[form], "worker", "--concurrency", "1"],
        cwd=folder,
        env=environment(**broker),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        done = call(form, folder, "run", *SET, **broker)
        assert done.returncode == 0, done.stderr
    finally:
        worker.kill()
        worker.wait()


@pytest.mark.usefixtures("one_thread")
def test_a_detached_run(folder: Path) -> None:
    done = call("module", folder, "run", *SET, "--workers", "1", "--detach", ADVSHARD_CACHE=str(folder / "cache"))
    assert done.returncode == 0, done.stderr
    (run,) = Store(str(folder / "runs")).runs()
    wait_for(lambda: (report := run.results.report()) and report.complete, timeout=120)


@pytest.mark.usefixtures("one_thread")
def test_training(folder: Path) -> None:
    sets = ("--data", "mine.npz", "--test-data", "mine.npz", "--validation", "10")
    done = call("module", folder, "train", "--model", "mlp", *sets, "--epochs", "1", "--out", "trained.keras")
    assert done.returncode == 0, done.stderr
    assert (folder / "trained.keras").is_file()


@pytest.mark.usefixtures("one_thread")
def test_the_python_api(folder: Path) -> None:
    (folder / "script").mkdir()
    script = folder / "script" / "attack.py"
    script.write_text(API.format(model=str(folder / "mine.keras")))
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.splitlines()[-1]).is_dir()


@pytest.mark.parametrize("form", list(FORMS))
def test_doctor_says_where_the_packages_are(folder: Path, form: str) -> None:
    said = call(form, folder, "doctor", "--model", "mine.keras", "--data", "mine.npz", "--store", "runs").stdout
    assert f"this process: core, tasks, orchestrator from {HERE}" in said
    assert f"child processes: core, tasks, orchestrator from {HERE}" in said
    assert "FAILED" not in said, said
