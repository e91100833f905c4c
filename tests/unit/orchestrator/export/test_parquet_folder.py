from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from core.errors import ConfigError, IntegrityError
from orchestrator.export import pieces, png
from orchestrator.export.parquet_folder import write_parquet
from tests.exports import NAMES, adversarial_levels, finished_run, ledger, without_labels

_HUGE = 10**9


def stacked(images: Any) -> NDArray[np.uint8]:
    arrays = [np.asarray(image) for image in images]
    return np.stack([array if array.ndim == 3 else array[..., None] for array in arrays])


@pytest.mark.parametrize("channels", [1, 3])
def test_hugging_face_reads_the_folder(
    tmp_path: Path, monkeypatch: Any, load_dataset: Callable[..., Any], channels: int
) -> None:
    found = finished_run(tmp_path, monkeypatch, shape=(12, 12, channels))
    out = tmp_path / "out"
    out.mkdir()
    survival = write_parquet(found, out, _HUGE)
    assert [path.name for path in (out / "data").iterdir()] == ["test-00000-of-00001.parquet"]
    read = load_dataset(str(out), split="test")
    np.testing.assert_array_equal(stacked(read["image"]), adversarial_levels(found))
    with np.load(tmp_path / "set.npz") as source:
        np.testing.assert_array_equal(stacked(read["original"]), source["images"])
    for name in ("label", "clean_prediction", "adversarial_prediction"):
        assert read.features[name].names == list(NAMES)
    assert read.remove_columns(["image", "original"]).with_format("arrow")[:].to_pylist() == [
        {name: row[name] for name in read.column_names if name in row} for row in ledger(found).to_pylist()
    ]
    assert set(read.column_names) == {"image", "original", *ledger(found).column_names}
    assert survival.images == 30


def test_the_files_alone_carry_the_features(tmp_path: Path, monkeypatch: Any, load_dataset: Callable[..., Any]) -> None:
    monkeypatch.setattr(pieces, "_ROWS", 8)
    found = finished_run(tmp_path, monkeypatch)
    out = tmp_path / "out"
    out.mkdir()
    write_parquet(found, out, 1)
    files = sorted(path.name for path in (out / "data").iterdir())
    assert files == [f"test-{place:05d}-of-00004.parquet" for place in range(4)]
    assert [pq.read_metadata(out / "data" / name).num_rows for name in files] == [8, 8, 8, 6]
    read = load_dataset("parquet", data_files={"test": str(out / "data" / "*.parquet")}, split="test")
    assert read.features["label"].names == list(NAMES)
    assert read["image"][0].size == (12, 12)
    assert read["index"][:] == list(range(30))


def test_the_card_says_what_it_is(tmp_path: Path, monkeypatch: Any) -> None:
    found = finished_run(tmp_path, monkeypatch, class_names=("a: b", 'say "no"', "\u732b\U0001f600"))
    out = tmp_path / "out"
    out.mkdir()
    survival = write_parquet(found, out)
    _, front, text = (out / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    fields = importlib.import_module("yaml").safe_load(front)
    features = {feature["name"]: feature["dtype"] for feature in fields["dataset_info"]["features"]}
    assert features["image"] == "image"
    assert features["ssim"] == "float64"
    assert list(features["label"]["class_label"]["names"].values()) == ["a: b", 'say "no"', "\u732b\U0001f600"]
    assert fields["dataset_info"]["splits"][0]["num_examples"] == 30
    assert {"adversarial-examples", "mifgsm"} <= set(fields["tags"])
    report = found.report
    for part in (
        found.manifest.run_id,
        found.manifest.model.file.sha256,
        "`mifgsm`, epsilon 0.00235294",
        survival.sentences()[0],
        f"| clean accuracy | {report.clean_accuracy:.4f} |",
        f"| robust accuracy | {report.robust_accuracy:.4f} |",
        f"| success rate after the rounding | {report.success_rate_uint8:.4f} |",
        "`set.npz`",
    ):
        assert part in text, part
    assert str(tmp_path) not in front + text, "folders of the machine are nobody's business"


def test_without_labels_there_is_no_class_label(
    tmp_path: Path, monkeypatch: Any, load_dataset: Callable[..., Any]
) -> None:
    found = without_labels(finished_run(tmp_path, monkeypatch))
    out = tmp_path / "out"
    out.mkdir()
    write_parquet(found, out)
    read = load_dataset(str(out), split="test")
    assert set(read["label"][:]) == {None}
    assert not hasattr(read.features["label"], "names")
    assert read.features["clean_prediction"].names == list(NAMES)
    assert "null, since the set has none" in (out / "README.md").read_text()


@pytest.mark.parametrize("names", [(), ("a", "b"), ("same", "same", "b")])
def test_classes_without_a_name_for_each_are_numbers(
    tmp_path: Path, monkeypatch: Any, load_dataset: Callable[..., Any], names: tuple[str, ...]
) -> None:
    found = finished_run(tmp_path, monkeypatch, class_names=names)
    out = tmp_path / "out"
    out.mkdir()
    write_parquet(found, out)
    read = load_dataset(str(out), split="test")
    assert read.features["label"].dtype == "int64"
    assert not hasattr(read.features["label"], "names")


def test_images_and_files_are_read_back(tmp_path: Path, monkeypatch: Any) -> None:
    class Lossy(pq.ParquetWriter):  # type: ignore[misc]
        def write_table(self, table: Any) -> None:
            super().write_table(table.slice(1))

    found = finished_run(tmp_path, monkeypatch)
    with monkeypatch.context() as changed:
        changed.setattr("orchestrator.export.parquet_folder.pq.ParquetWriter", Lossy)
        (tmp_path / "lossy").mkdir()
        with pytest.raises(IntegrityError, match="other images than were written"):
            write_parquet(found, tmp_path / "lossy")
    encode = png.encode
    monkeypatch.setattr(png, "encode", lambda image: encode(image ^ np.uint8(image[0, 0, 0] > 250)))
    (tmp_path / "wrong").mkdir()
    with pytest.raises(IntegrityError, match=r"\d+\.png: other pixels"):
        write_parquet(found, tmp_path / "wrong")


def test_images_that_png_has_no_form_for_are_refused(tmp_path: Path, monkeypatch: Any) -> None:
    found = finished_run(tmp_path, monkeypatch, shape=(12, 12, 5))
    with pytest.raises(ConfigError, match="got 5 channels; use --format source"):
        write_parquet(found, tmp_path)
