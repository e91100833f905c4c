"""Image sets in Parquet files, as Hugging Face's ``datasets`` and pyarrow write them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.datasets.files import damage
from core.datasets.readers import parquet
from tests.sources import damaged, images_of, opened, refused, survives

IMAGES = np.random.default_rng(0).integers(0, 256, (23, 6, 5, 3)).astype(np.uint8)
LABELS = np.arange(23) % 3
NAMES = ("cat", "dog", "owl")


def png(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def structs(images: Any = IMAGES) -> list[dict[str, Any]]:
    return [{"bytes": png(pixels), "path": f"{row}.png"} for row, pixels in enumerate(images)]


def saved(path: Path, columns: dict[str, Any], *, features: Any = None, rows: int = 7) -> Path:
    """A file with row groups of a few rows. features: Hugging Face's description of the columns."""
    table = pa.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=rows)
    return path


CLASSES = {"label": {"_type": "ClassLabel", "names": list(NAMES)}, "image": {"_type": "Image"}}


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A folder with two files of a test split and one of a training split."""
    data = tmp_path / "data"
    for name, part in (("test-00000-of-00002", slice(0, 11)), ("test-00001-of-00002", slice(11, 23))):
        saved(data / f"{name}.parquet", {"image": structs(IMAGES[part]), "label": LABELS[part]}, features=CLASSES)
    saved(data / "train-00000-of-00001.parquet", {"image": structs(IMAGES[:4]), "label": LABELS[:4]}, features=CLASSES)
    (tmp_path / "README.md").touch()
    return tmp_path


def check(source: Any, labels: Any = LABELS) -> None:
    """The set is the whole one, also where a few rows of it are read."""
    assert source.count == 23
    np.testing.assert_array_equal(images_of(source), IMAGES)
    np.testing.assert_array_equal(images_of(source, [0, 6, 7, 8, 20]), IMAGES[[0, 6, 7, 8, 20]])
    np.testing.assert_array_equal(source.labels(), labels)


def test_what_datasets_writes(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    pictures = [Image.fromarray(pixels) for pixels in IMAGES]
    for kind, column in (("Image", pictures), ("Array3D", IMAGES)):
        feature = datasets.Image() if kind == "Image" else datasets.Array3D(IMAGES.shape[1:], "uint8")
        features = datasets.Features({"picture": feature, "kind": datasets.ClassLabel(names=list(NAMES))})
        written = datasets.Dataset.from_dict({"picture": column, "kind": LABELS}, features=features)
        written.to_parquet(tmp_path / f"{kind}.parquet")
        source = opened(tmp_path / f"{kind}.parquet")
        check(source)
        assert source.class_names == NAMES


@pytest.mark.parametrize("given", ["", "/data", "/data/test-*.parquet"])
def test_a_folder_of_splits_and_a_pattern(published: Path, given: str) -> None:
    source = opened(f"{published}{given}")
    check(source)
    assert source.class_names == NAMES
    notes = [] if "*" in given else ["the split 'test' was read, of test and train"]
    assert source.notes == notes


def test_a_split_of_a_folder(published: Path) -> None:
    assert opened(published, split="train").count == 4
    assert opened(published, split="test").count == 23
    assert "a split 'val'; got test, train" in refused(published, split="val")
    saved(published / "data" / "extra-00000-of-00001.parquet", {"image": structs(), "label": LABELS}, features=CLASSES)
    assert opened(published, split="extra").count == 23


def test_splits_in_the_names_of_folders(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        saved(tmp_path / split / "0000.parquet", {"image": structs(), "label": LABELS})
    said = refused(tmp_path)
    assert "got train/0000.parquet and validation/0000.parquet; choose with --split" in said
    check(opened(tmp_path, split="validation"))
    check(opened(tmp_path, split="val"))


@pytest.mark.parametrize(
    "column",
    [
        [png(pixels) for pixels in IMAGES],
        pa.array([png(pixels) for pixels in IMAGES], pa.large_binary()),
        IMAGES.tolist(),
        pa.array(IMAGES.tolist(), pa.list_(pa.list_(pa.list_(pa.uint8(), 3), 5), 6)),
        pa.FixedShapeTensorArray.from_numpy_ndarray(IMAGES),
    ],
    ids=["binary", "large binary", "lists", "lists of fixed size", "tensors"],
)
def test_columns_of_other_types(tmp_path: Path, column: Any) -> None:
    check(opened(saved(tmp_path / "a.parquet", {"image": column, "label": LABELS})))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([NAMES[i] for i in LABELS], np.array(NAMES)[LABELS]),
        (pa.array([NAMES[i] for i in LABELS]).dictionary_encode(), np.array(NAMES)[LABELS]),
        (LABELS.astype("i1"), LABELS),
        (np.eye(3)[LABELS].tolist(), np.eye(3)[LABELS]),
    ],
    ids=["strings", "dictionary", "numbers", "one-hot"],
)
def test_labels_of_several_types(tmp_path: Path, labels: Any, expected: Any) -> None:
    check(opened(saved(tmp_path / "a.parquet", {"image": structs(), "label": labels})), expected)


def test_images_alone(tmp_path: Path) -> None:
    columns = {"image": structs(), "caption": ["text"] * 23, "label": LABELS}
    source = opened(saved(tmp_path / "a.parquet", columns), keys=("image",))
    assert (source.labels(), source.notes) == (None, [])
    del columns["label"]
    source = opened(saved(tmp_path / "b.parquet", columns))
    assert source.labels() is None
    assert "image was read without labels" in source.notes[0]
    columns["label"] = np.full(23, -1)  # as sets with hidden labels have it
    source = opened(saved(tmp_path / "c.parquet", columns, features=CLASSES))
    assert source.labels() is None
    assert "every label is -1, which stands for none" in source.notes[0]


def test_columns_that_keys_name(tmp_path: Path) -> None:
    columns = {"img": structs(), "masks": structs(), "fine_label": LABELS, "coarse_label": LABELS // 2}
    path = saved(tmp_path / "a.parquet", columns)
    assert "one column of images; got img and masks; name the columns with --keys" in refused(path)
    check(opened(path, keys=("masks", "fine_label")))
    assert "a column 'photo'; got img, masks, fine_label, coarse_label" in refused(path, keys=("photo",))
    assert "images in the column 'fine_label'; got type int64" in refused(path, keys=("fine_label",))
    del columns["masks"]
    assert "one column of labels; got fine_label and coarse_label" in refused(saved(tmp_path / "b.parquet", columns))


def hole(values: list[Any]) -> list[Any]:
    return [*values[:9], None, *values[10:]]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"text": ["a"]}, "one column of images; got text"),
        (
            {"image": structs(), "label": hole(LABELS.tolist())},
            "a.parquet: label: a value in each row; got none in row 9",
        ),
        ({"image": hole(structs())}, "row 9: an image that can be decoded; got an empty file"),
        ({"image": [{"bytes": b"text", "path": "a.png"}]}, "row 0 (a.png): an image that can be decoded"),
        ({"image": [{"bytes": None, "path": "/etc/a.png"}]}, "only the path of a file, which is not opened"),
        ({"image": hole(IMAGES.tolist())}, "a value in each row; got none in row 2"),
        ({"image": [[[1, 2], [3, 4]], [[1, 2]]]}, "images of one size; got lists of 1 to 2 values"),
        ({"image": structs(), "label": [{"a": 1}] * 23}, "labels that are numbers or strings"),
        ({"image": structs(), "label": [[1], [1, 2]] + [[1]] * 21}, "labels of one length"),
        ({"image": structs()[:0]}, "one column of images"),
    ],
    ids=range(10),
)
def test_files_that_are_no_image_set(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    paths = {"image": pa.array(columns["image"], PATHS)} if said.startswith("only the path") else {}
    assert said in refused(saved(tmp_path / "a.parquet", {**columns, **paths}))


PATHS = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def test_no_rows(tmp_path: Path) -> None:
    assert "at least one image" in refused(saved(tmp_path / "a.parquet", {"image": pa.array([], PATHS)}))


def test_broken_images_are_left_out(tmp_path: Path) -> None:
    values = structs()
    values[9]["bytes"] = values[9]["bytes"][:40]
    source = opened(saved(tmp_path / "a.parquet", {"image": values, "label": LABELS}), skip_broken=True)
    pieces = list(source.pieces(np.arange(23)))
    rows = np.concatenate([piece.rows for piece in pieces])
    assert rows.tolist() == [row for row in range(23) if row != 9]
    np.testing.assert_array_equal(np.concatenate([piece.images for piece in pieces]), IMAGES[rows])
    assert [broken.name for broken in source.broken] == [f"{tmp_path}/a.parquet: row 9 (9.png)"]


def test_grey_images_among_coloured_ones(tmp_path: Path) -> None:
    values = structs()
    values[0]["bytes"] = png(IMAGES[0, ..., 0])
    source = opened(saved(tmp_path / "a.parquet", {"image": values}))
    found = images_of(source)
    np.testing.assert_array_equal(found[1:], IMAGES[1:])
    np.testing.assert_array_equal(found[0], np.repeat(IMAGES[0, ..., :1], 3, axis=-1))
    assert "read as RGB (1)" in source.notes[0]
    images_of(source)
    assert len(source.notes) == 1


def test_images_are_resized(tmp_path: Path) -> None:
    values = structs()
    values[3]["bytes"] = png(np.zeros((9, 9, 3), np.uint8))
    path = saved(tmp_path / "a.parquet", {"image": values})
    assert "2 sizes (height x width): 6 x 5 (22), 9 x 9 (1)" in refused(path)
    assert images_of(opened(path, size=(4, 4))).shape == (23, 4, 4, 3)


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    saved(tmp_path / "a.parquet", {"image": structs(), "label": LABELS}, features=CLASSES)
    other = {**CLASSES, "label": {"_type": "ClassLabel", "names": ["dog", "cat", "owl"]}}
    saved(tmp_path / "b.parquet", {"image": structs(), "label": LABELS}, features=other)
    assert "columns and class names like those of" in refused(tmp_path)


def test_pieces_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "PIECE_BYTES", 6 * 5 * 3 * 8 * 2)
    path = saved(tmp_path / "a.parquet", {"image": IMAGES.tolist()}, rows=23)
    assert max(len(piece.rows) for piece in opened(path).pieces(np.arange(23))) == 2


def test_a_small_file_that_unpacks_to_a_lot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.parquet", {"image": np.zeros((100, 200, 200), np.uint8).tolist()}, rows=100)
    assert opened(path).count == 100
    monkeypatch.setattr(damage, "MAX_UNPACKED", 1 << 20)
    assert "unpacks to at most 200 times its size" in refused(path)


def test_a_long_text_is_no_label(tmp_path: Path) -> None:
    labels = pa.array(["cat"] * 9999 + ["x" * 20_000])
    path = saved(tmp_path / "a.parquet", {"image": [b""] * 10_000, "label": labels}, rows=10_000)
    assert "got 10,000 labels of up to 20,000 characters" in refused(path)


def test_from_any_file_system(published: Path) -> None:
    for path in (published / "data").iterdir():
        with fsspec.open(f"memory://sets/data/{path.name}", "wb") as file:
            file.write(path.read_bytes())
    check(opened("memory://sets"))
    check(opened("memory://sets/data/test-*.parquet"))
    with zipfile.ZipFile(published / "set.zip", "w") as archive:
        archive.write(published / "data" / "test-00000-of-00002.parquet", "a.parquet")
    assert opened(f"zip://a.parquet::{published}/set.zip").count == 11


@pytest.mark.parametrize("column", [structs(), IMAGES.tolist()], ids=["files", "lists"])
def test_damaged_files(tmp_path: Path, column: Any) -> None:
    path = saved(tmp_path / "good.parquet", {"image": column, "label": LABELS}, features=CLASSES)
    for changed in damaged(path.read_bytes()):
        survives(tmp_path / "a.parquet", changed)
