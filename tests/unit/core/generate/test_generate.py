from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import DataError
from core.generate.composer import Composed, Composer
from core.generate.generate import find_or_compose, generate
from core.reduce.reduce_run import reduce_run
from core.run.layout import INDEX_MAP
from core.run.manifest import Manifest
from core.run.run_store import RunStore
from core.run.work_unit import single
from core.shard.attack_shard import run_shard
from tests.runs import linear_classifier, planned


class Negative(Composer):
    """Stands in for composition; notes what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[np.ndarray] = []

    def __call__(self, images: np.ndarray) -> Composed:
        self.asked.append(images)
        count = np.arange(len(images))
        return Composed(1 - images, count + 50, count + 60, count + 70)


def finished(tmp_path: Path, monkeypatch: Any, created: str, **change: Any) -> RunStore:
    run = planned(tmp_path, monkeypatch, **change)
    run.write_manifest(run.manifest().model_copy(update={"created": created}))
    for index in range(run.manifest().shards):
        run_shard(run, single(index), linear_classifier, "w")
    reduce_run(run, linear_classifier)
    return run


def clean_images(tmp_path: Path) -> np.ndarray:
    with np.load(tmp_path / "set.npz") as source:
        return np.asarray(source["images"])


def attack_data(run: RunStore) -> tuple[np.ndarray, Manifest]:
    manifest = run.manifest()
    return run.results.attack_data(manifest.data, 0, manifest.data.count), manifest


def test_known_images_are_looked_up_in_any_form_and_order(tmp_path: Path, monkeypatch: Any) -> None:
    run = finished(tmp_path, monkeypatch, "2026-01-01")
    prepared, manifest = attack_data(run)
    clean, order = clean_images(tmp_path), np.random.default_rng(0).permutation(30)
    for form in (clean, clean / 255, clean.astype(np.float64)):
        composer = Negative()
        found = find_or_compose(form[order], store=str(tmp_path / "runs"), composer=composer)
        np.testing.assert_array_equal(found.images, prepared[order])
        assert found.looked_up.all()
        assert set(found.run) == {manifest.run_id}
        # The fifth image is the first one once more.
        np.testing.assert_array_equal(found.index, np.where(order == 4, 0, order))
        predicted = linear_classifier(run, manifest).logits(prepared).argmax(axis=1)
        np.testing.assert_array_equal(found.attack_label, predicted[found.index])
        labels = run.inputs.labels(manifest.data, 0, 30)
        assert labels is not None
        np.testing.assert_array_equal(found.label, labels[found.index])
        assert composer.asked == []


def test_the_rest_is_composed_and_each_says_which_it_was(tmp_path: Path, monkeypatch: Any) -> None:
    prepared, _ = attack_data(finished(tmp_path, monkeypatch, "2026-01-01"))
    mixed = clean_images(tmp_path)[:6].copy()
    mixed[[1, 5], 3, 3, 0] ^= 1
    composer = Negative()
    found = find_or_compose(mixed, store=str(tmp_path / "runs"), composer=composer)
    assert found.looked_up.tolist() == [True, False, True, True, True, False]
    known = found.looked_up
    np.testing.assert_array_equal(found.images[known], prepared[:6][known])
    np.testing.assert_array_equal(found.images[~known], 1 - composer.asked[0])
    np.testing.assert_allclose(composer.asked[0], mixed[~known] / 255, atol=1e-7)
    assert found.index[~known].tolist() == [50, 51]
    assert found.label[~known].tolist() == [60, 61]
    assert found.attack_label[~known].tolist() == [70, 71]


def test_the_newest_complete_run_answers(tmp_path: Path, monkeypatch: Any) -> None:
    older = finished(tmp_path, monkeypatch, "2026-01-01", limit=20)
    newer = finished(tmp_path, monkeypatch, "2026-01-03", limit=10, params={"epsilon": 0.2})
    incomplete = planned(tmp_path, monkeypatch, params={"epsilon": 0.3})
    incomplete.write_manifest(incomplete.manifest().model_copy(update={"created": "2026-01-04"}))
    run_shard(incomplete, single(0), linear_classifier, "w")
    reduce_run(incomplete, linear_classifier)
    found = find_or_compose(clean_images(tmp_path)[:25], store=str(tmp_path / "runs"), composer=Negative())
    names = [newer.manifest().run_id] * 10 + [older.manifest().run_id] * 10 + [""] * 5
    assert found.run == names
    np.testing.assert_array_equal(found.images[:10], attack_data(newer)[0])
    np.testing.assert_array_equal(found.images[10:20], attack_data(older)[0][10:])


def test_a_run_that_came_since_is_found_and_one_that_went_is_forgotten(tmp_path: Path, monkeypatch: Any) -> None:
    import shutil

    store, images = str(tmp_path / "runs"), np.zeros((1, 12, 12, 1), np.uint8)
    assert not find_or_compose(images, store=store, composer=Negative()).looked_up.any()
    run = finished(tmp_path, monkeypatch, "2026-01-01")
    images = clean_images(tmp_path)
    assert find_or_compose(images, store=store, composer=Negative()).looked_up.all()
    shutil.rmtree(run.url)
    assert not find_or_compose(images, store=store, composer=Negative()).looked_up.any()


def test_examples_come_in_0_to_1_whatever_the_bounds_of_the_run(tmp_path: Path, monkeypatch: Any) -> None:
    run = finished(tmp_path, monkeypatch, "2026-01-01", bounds=(-1.0, 1.0))
    found = find_or_compose(clean_images(tmp_path), store=str(tmp_path / "runs"), composer=Negative())
    assert found.looked_up.all()
    np.testing.assert_allclose(found.images, (attack_data(run)[0] + 1) / 2, atol=1e-6)


def test_a_damaged_run_is_left_out_with_a_warning(tmp_path: Path, monkeypatch: Any) -> None:
    good = finished(tmp_path, monkeypatch, "2026-01-01")
    bad = finished(tmp_path, monkeypatch, "2026-01-02", params={"epsilon": 0.2})
    bad.folder.write(INDEX_MAP, b"torn")
    with pytest.warns(UserWarning, match="skipped: not an index map"):
        found = find_or_compose(clean_images(tmp_path), store=str(tmp_path / "runs"), composer=Negative())
    assert set(found.run) == {good.manifest().run_id}


def test_the_store_is_that_of_the_environment_unless_given(tmp_path: Path, monkeypatch: Any) -> None:
    prepared, _ = attack_data(finished(tmp_path, monkeypatch, "2026-01-01"))
    monkeypatch.setenv("ADVSHARD_STORE", str(tmp_path / "runs"))
    np.testing.assert_array_equal(generate(clean_images(tmp_path)), prepared)
    flat = clean_images(tmp_path).reshape(30, -1)
    np.testing.assert_array_equal(generate(flat, (30, 12, 12, 1)), prepared)


def test_bad_shapes_are_refused() -> None:
    with pytest.raises(DataError, match="pixels for shape"):
        generate(np.zeros((2, 28, 28)), (2, 28, 28, 3))
    with pytest.raises(DataError, match=r"images of shape \(n, H, W, C\)"):
        generate(np.zeros((2, 28, 28)))
    assert generate(np.zeros((0, 28, 28, 1))).shape == (0, 28, 28, 1)


def test_a_run_without_labels_is_looked_up_too(tmp_path: Path, monkeypatch: Any) -> None:
    run = finished(tmp_path, monkeypatch, "2026-01-01", labelled=False)
    found = find_or_compose(clean_images(tmp_path), store=str(tmp_path / "runs"), composer=Negative())
    np.testing.assert_array_equal(found.images, attack_data(run)[0])
    assert found.label.tolist() == [-1] * 30
    assert set(found.attack_label.tolist()) <= {0, 1, 2}
