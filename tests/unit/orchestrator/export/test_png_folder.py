from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.errors import ConfigError, IntegrityError
from core.image.pixels import to_float
from core.run.layout import ATTACK_DATA, LEDGER
from orchestrator.export import pieces, png
from orchestrator.export.pieces import FinishedRun
from orchestrator.export.png_folder import Layout, write_png
from orchestrator.export.survival import Survival
from tests.exports import NAMES, adversarial_levels, finished_run, ledger, without_labels
from tests.runs import linear_classifier, save_set


def written(found: FinishedRun, out: Path, **layout: bool) -> Survival:
    out.mkdir()
    return write_png(found, out, Layout(found.manifest, **{"by_class": False, "originals": False, **layout}))


def metadata(out: Path) -> list[dict[str, str]]:
    with (out / "metadata.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        found = np.asarray(image)
    return found if found.ndim == 3 else found[..., None]


@pytest.mark.parametrize(
    ("bounds", "channels"), [((0.0, 1.0), 1), ((-1.0, 1.0), 3), ((0.0, 255.0), 4)], ids=["grey", "RGB", "RGBA"]
)
def test_the_files_are_the_rounded_images_and_flip_as_the_table_says(
    tmp_path: Path, monkeypatch: Any, bounds: tuple[float, float], channels: int
) -> None:
    params = {"epsilon": 1.2 / 255 * (bounds[1] - bounds[0])}
    found = finished_run(tmp_path, monkeypatch, bounds=bounds, shape=(12, 12, channels), params=params)
    out = tmp_path / "out"
    survival = written(found, out)
    rows = metadata(out)
    images = np.stack([pixels(out / row["file_name"]) for row in rows])
    np.testing.assert_array_equal(images, adversarial_levels(found))

    classifier = linear_classifier(found.run, found.manifest)
    predicted = classifier.logits(to_float(images, bounds)).argmax(axis=1)
    clean = np.array([int(row["clean_prediction"]) for row in rows])
    flips = [row["success_uint8"] == "True" for row in rows]
    assert (predicted != clean).tolist() == flips
    assert 0 < sum(flips) < len(flips)
    exact = [row["success"] == "True" for row in rows]
    assert survival.surviving == sum(a and b for a, b in zip(exact, flips, strict=True))
    assert (survival.images, survival.successes) == (30, sum(exact))


def test_the_table_has_the_ledger_and_the_names_of_the_classes(tmp_path: Path, monkeypatch: Any) -> None:
    found = finished_run(tmp_path, monkeypatch)
    written(found, tmp_path / "out")
    rows = metadata(tmp_path / "out")
    assert list(rows[0])[:8] == [
        "file_name", "index", "label", "class_name", "clean_prediction", "adversarial_prediction", "success",
        "success_uint8",
    ]  # fmt: skip
    for row, expected in zip(rows, ledger(found).to_pylist(), strict=True):
        assert row.pop("file_name") == f"{expected['index']:05d}.png"
        assert row.pop("class_name") == NAMES[expected["label"]]
        assert row == {name: str(value) for name, value in expected.items()}


def test_an_image_whose_flip_is_lost_to_rounding_is_counted() -> None:
    table = pa.table({"success": [True, True, True, False, False], "success_uint8": [True, False, True, True, False]})
    survival = Survival(rounded_originals=4)
    survival.add(table)
    survival.add(table)
    assert survival == Survival(images=10, successes=6, surviving=4, gained=2, rounded_originals=4)
    assert survival.sentences() == [
        "4 of 6 successes survive the rounding to 8 bits (success_uint8).",
        "2 images are successes only after the rounding.",
        "4 originals were rounded too; clean_prediction is that of the exact ones.",
    ]


def test_keras_reads_class_folders(tmp_path: Path, monkeypatch: Any, one_thread: None) -> None:
    import keras

    found = finished_run(tmp_path, monkeypatch, shape=(12, 12, 3))
    out = tmp_path / "out"
    written(found, out, by_class=True)
    folders = ["T-shirt_top", "Ankle boot", "Bag"]
    read = keras.utils.image_dataset_from_directory(
        out, class_names=folders, image_size=(12, 12), shuffle=False, batch_size=None, verbose=False
    )
    names = [str(Path(path).relative_to(out)) for path in read.file_paths]
    images, labels = (np.stack(each) for each in zip(*read.as_numpy_iterator(), strict=True))
    places = [int(Path(name).stem) for name in names]
    np.testing.assert_array_equal(images, adversarial_levels(found)[places])
    expected = ledger(found).column("label").to_numpy()[places]
    np.testing.assert_array_equal(labels, expected)
    assert sorted(names) == sorted(row["file_name"] for row in metadata(out))


def test_hugging_face_reads_the_folder_with_the_originals(
    tmp_path: Path, monkeypatch: Any, load_dataset: Callable[..., Any]
) -> None:
    found = finished_run(tmp_path, monkeypatch)
    out = tmp_path / "out"
    written(found, out, by_class=True, originals=True)
    read = load_dataset("imagefolder", data_files={"test": str(out / "**")}, split="test")
    assert len(read) == 30
    assert read["index"][:] == sorted(read["index"][:])
    np.testing.assert_array_equal(
        np.stack([np.asarray(each)[..., None] for each in read["image"]]), adversarial_levels(found)
    )
    with np.load(tmp_path / "set.npz") as source:
        np.testing.assert_array_equal(
            np.stack([np.asarray(each)[..., None] for each in read["original"]]), source["images"]
        )
        assert read["label"][:] == source["labels"].tolist()
    assert read["success_uint8"][:] == ledger(found).column("success_uint8").to_pylist()
    assert {path.name for path in (out / "original").iterdir()} == {"T-shirt_top", "Ankle boot", "Bag"}


def test_a_class_without_images_has_its_folder(tmp_path: Path, monkeypatch: Any) -> None:
    found = finished_run(tmp_path, monkeypatch, class_names=(), data=save_set(tmp_path / "set.npz", classes=1))
    written(found, tmp_path / "out", by_class=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == ["0", "1", "2"]


def test_float_originals_are_rounded_and_counted(tmp_path: Path, monkeypatch: Any) -> None:
    images = np.random.default_rng(0).random((30, 12, 12, 1), np.float32)
    images[:10] = np.rint(images[:10] * 255) / 255
    np.savez(tmp_path / "set.npz", images=images, labels=np.zeros(30, np.int64))
    found = finished_run(tmp_path, monkeypatch, data=tmp_path / "set.npz")
    survival = written(found, tmp_path / "out", originals=True)
    assert survival.rounded_originals == 20
    read = np.stack([pixels(tmp_path / "out" / row["original_file_name"]) for row in metadata(tmp_path / "out")])
    assert np.abs(read - images * 255.0).max() <= 0.5 + 1e-3


def test_without_labels_their_columns_are_empty(tmp_path: Path, monkeypatch: Any) -> None:
    found = without_labels(finished_run(tmp_path, monkeypatch))
    written(found, tmp_path / "out")
    assert {(row["label"], row["class_name"]) for row in metadata(tmp_path / "out")} == {("", "")}
    with pytest.raises(ConfigError, match="a run with labels"):
        Layout(found.manifest, by_class=True, originals=False)


def test_images_that_png_has_no_form_for_are_refused(tmp_path: Path, monkeypatch: Any) -> None:
    found = finished_run(tmp_path, monkeypatch, shape=(12, 12, 2))
    with pytest.raises(ConfigError, match="got 2 channels; use --format source"):
        written(found, tmp_path / "out")


def test_other_images_than_those_of_the_report_are_not_exported(tmp_path: Path, monkeypatch: Any) -> None:
    found = finished_run(tmp_path, monkeypatch)
    content = bytearray(found.run.results.content(ATTACK_DATA))
    content[-1] ^= 1
    found.run.folder.write(ATTACK_DATA, bytes(content))
    with pytest.raises(IntegrityError, match="other images than those of the report"):
        written(found, tmp_path / "out")


def test_other_originals_than_those_of_the_ledger_are_not_exported(tmp_path: Path, monkeypatch: Any) -> None:
    found = finished_run(tmp_path, monkeypatch)
    name = f"inputs/{found.manifest.data.images.name}"
    content = bytearray(found.run.folder.read(name))
    content[-1] ^= 1
    found.run.folder.write(name, bytes(content))
    with pytest.raises(IntegrityError, match="not those of the ledger"):
        written(found, tmp_path / "out", originals=True)


def test_a_file_with_other_pixels_is_noticed() -> None:
    image = np.zeros((2, 3, 1), np.uint8)
    png.check(png.encode(image), image, "a.png")
    with pytest.raises(IntegrityError, match=r"a\.png: other pixels"):
        png.check(png.encode(image + np.uint8(1)), image, "a.png")


def test_files_are_read_back(tmp_path: Path, monkeypatch: Any) -> None:
    found = finished_run(tmp_path, monkeypatch)
    encode = png.encode
    monkeypatch.setattr(png, "encode", lambda image: encode(image ^ np.uint8(image[0, 0, 0] > 250)))
    with pytest.raises(IntegrityError, match=r"\d{5}\.png: other pixels"):
        written(found, tmp_path / "out")


def test_runs_of_several_pieces_and_row_groups(tmp_path: Path, monkeypatch: Any) -> None:
    found = finished_run(tmp_path, monkeypatch)
    rows = ledger(found)
    found.run.results.write(LEDGER, lambda file: pq.write_table(rows, file, row_group_size=4))
    monkeypatch.setattr(pieces, "_ROWS", 5)
    monkeypatch.setattr(pieces, "_LEDGER_ROWS", 12)
    written(found, tmp_path / "out")
    assert [row["index"] for row in metadata(tmp_path / "out")] == [str(index) for index in range(30)]
    images = np.stack([pixels(tmp_path / "out" / f"{index:05d}.png") for index in range(30)])
    np.testing.assert_array_equal(images, adversarial_levels(found))
    found.run.results.write(LEDGER, lambda file: pq.write_table(rows.slice(0, 29), file))
    with pytest.raises(IntegrityError, match="29 rows for 30 images"):
        written(found, tmp_path / "short")
    found.run.results.write(LEDGER, lambda file: pq.write_table(rows.take([1, 0, *range(2, 30)]), file))
    with pytest.raises(IntegrityError, match="about other images"):
        written(found, tmp_path / "swapped")
