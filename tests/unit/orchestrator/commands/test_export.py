from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner

from core.errors import ConfigError
from core.image.digest import digests
from core.reduce.reduce_run import reduce_run
from core.run.work_unit import single
from core.shard.attack_shard import run_shard
from orchestrator.commands.export import export_command
from tests.runs import finished, linear_classifier, planned


def test_a_run_as_plain_files(tmp_path: Path, monkeypatch: Any) -> None:
    run, out = planned(tmp_path, monkeypatch, bounds=(-1.0, 1.0)), tmp_path / "plain"
    early = CliRunner().invoke(export_command, [run.url, "--out", str(out)])
    assert isinstance(early.exception, ConfigError)
    assert not out.exists()
    for index in range(4):
        run_shard(run, single(index), linear_classifier, "w")
    reduce_run(run, linear_classifier)
    done = CliRunner().invoke(export_command, [run.url, "--out", str(out)])
    assert done.output.strip() == str(out)

    with np.load(tmp_path / "set.npz") as source:
        images, labels = source["images"], source["labels"]
    clean, adversarial = np.load(out / "test_data.npy"), np.load(out / "attack_data.npy")
    np.testing.assert_allclose(clean, images / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(adversarial, run.results.attack_data(run.manifest().data, 0, 30))
    index, label, attack_label = (
        json.loads((out / f"{name}_map.json").read_text()) for name in ("data_index", "data_label", "attack_label")
    )
    predicted = linear_classifier(run, run.manifest()).logits(adversarial).argmax(axis=1)
    for place, digest in enumerate(each.hex() for each in digests(clean, (-1.0, 1.0))):
        assert place in index[digest]
        first = index[digest][0]
        assert label[digest] == labels[first]
        assert attack_label[digest] == predicted[first]
    # The fifth image is the first one once more.
    assert index[digests(images[:1])[0].hex()] == [0, 4]
    assert len(index) == len(label) == len(attack_label) == 29


def test_the_labels_of_a_set_without_them_are_null(tmp_path: Path, monkeypatch: Any) -> None:
    run, out = planned(tmp_path, monkeypatch, labelled=False), tmp_path / "plain"
    for index in range(4):
        run_shard(run, single(index), linear_classifier, "w")
    reduce_run(run, linear_classifier)
    assert CliRunner().invoke(export_command, [run.url, "--out", str(out)]).exit_code == 0
    index, label, attack_label = (
        json.loads((out / f"{name}_map.json").read_text()) for name in ("data_index", "data_label", "attack_label")
    )
    assert label == dict.fromkeys(index)
    assert len(label) == 29
    assert set(attack_label.values()) <= {0, 1, 2}


def test_png_and_parquet_on_the_command_line(tmp_path: Path, monkeypatch: Any) -> None:
    run = finished(tmp_path, monkeypatch)
    options = {"png": ["--class-folders", "--originals"], "parquet": []}
    for kind, more in options.items():
        out = tmp_path / kind
        done = CliRunner().invoke(export_command, [run.url, "--out", str(out), "--format", kind, *more])
        assert done.stdout == f"{out}\n"
        assert "successes survive the rounding to 8 bits" in done.stderr
    assert (tmp_path / "parquet" / "data" / "test-00000-of-00001.parquet").is_file()
    assert sorted(path.name for path in (tmp_path / "png" / "adversarial").iterdir()) == ["0", "1", "2"]
    assert len(list((tmp_path / "png" / "original").rglob("*.png"))) == 30


def test_options_of_another_format_are_refused(tmp_path: Path) -> None:
    for option in ("--class-folders", "--originals"):
        for kind in ("source", "parquet"):
            done = CliRunner().invoke(export_command, ["--out", str(tmp_path / "out"), "--format", kind, option])
            assert isinstance(done.exception, ConfigError)
            assert (
                str(done.exception) == f"expected --format png with {option}; got --format {kind}; leave {option} out"
            )


def test_a_folder_with_files_is_left_alone(tmp_path: Path, monkeypatch: Any) -> None:
    run, out = finished(tmp_path, monkeypatch), tmp_path / "out"
    for _ in range(2):
        done = CliRunner().invoke(export_command, [run.url, "--out", str(out)])
    assert isinstance(done.exception, ConfigError)
    assert sorted(path.name for path in out.iterdir()) == [
        "attack_data.npy", "attack_label_map.json", "data_index_map.json", "data_label_map.json", "test_data.npy",
    ]  # fmt: skip
