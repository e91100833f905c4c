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
from tests.runs import linear_classifier, planned


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
