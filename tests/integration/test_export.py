"""What ``export`` says about its images holds for the images in the files, by Keras alone."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from orchestrator.commands.export import export_command
from orchestrator.execution.execute import execute
from orchestrator.planning.plan import plan
from orchestrator.planning.request import Request
from tasks.app import app
from tests.runs import save_model, save_set

pytestmark = pytest.mark.usefixtures("one_thread")

_SHAPE = (12, 12, 3)


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def test_the_png_files_flip_the_real_model_as_their_table_says(tmp_path: Path) -> None:
    import keras

    data = save_set(tmp_path / "set.npz", 60, _SHAPE)
    saved = save_model(tmp_path / "model.keras", _SHAPE)
    # So small a change that rounding undoes many a flip.
    request = Request(
        store=str(tmp_path / "runs"), data=str(data), model=str(saved), shards=2, bounds=(-1.0, 1.0), fallback=None,
        params={"epsilon": 2.4 / 255},
    )  # fmt: skip
    run = plan(request)
    report = execute(run, broker=None, workers=None)
    out = tmp_path / "png"
    done = CliRunner().invoke(export_command, [run.url, "--out", str(out), "--format", "png", "--class-folders"])
    assert done.exit_code == 0, done.output

    read = keras.utils.image_dataset_from_directory(
        out, labels=None, image_size=_SHAPE[:2], shuffle=False, batch_size=None, verbose=False
    )
    names = [str(Path(path).relative_to(out)) for path in read.file_paths]
    images = np.stack(list(read.as_numpy_iterator()))
    probabilities = keras.models.load_model(saved).predict(images / 127.5 - 1, verbose=0)
    with (out / "metadata.csv").open(newline="") as file:
        rows = {row["file_name"]: row for row in csv.DictReader(file)}
    assert sorted(names) == sorted(rows)

    # Of two classes that are all but equal, another batch size may find either.
    first, second = np.sort(probabilities, axis=1)[:, :-3:-1].T
    clear = first - second > 1e-4
    assert clear.mean() > 0.9
    clean = np.array([int(rows[name]["clean_prediction"]) for name in names])
    said = np.array([rows[name]["success_uint8"] == "True" for name in names])
    exact = np.array([rows[name]["success"] == "True" for name in names])
    np.testing.assert_array_equal((probabilities.argmax(axis=1) != clean)[clear], said[clear])
    assert said.mean() == pytest.approx(report.success_rate_uint8)
    assert (exact != said).any(), "otherwise the test would not tell the two apart"
    survived = f"{(exact & said).sum()} of {exact.sum()} successes survive the rounding to 8 bits"
    assert survived in done.stderr
