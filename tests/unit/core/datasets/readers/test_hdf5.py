"""Image sets in HDF5 files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import h5py
import numpy as np
import pytest

from core.datasets.readers import hdf5
from tests.sources import damaged, images_of, opened, refused, survives

IMAGES = np.random.default_rng(0).integers(0, 256, (23, 4, 5, 3)).astype(np.uint8)
LABELS = np.arange(23) % 3


def saved(path: Path, **arrays: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name.replace("__", "/"), data=array)
    return path


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("images", "labels"),
        ("x", "y"),
        ("test_set_x", "test_set_y"),
        ("test__images", "test__labels"),
        ("a__x", "a__y"),
    ],
)
def test_usual_names(tmp_path: Path, images: str, labels: str) -> None:
    source = opened(saved(tmp_path / "a.h5", **{images: IMAGES, labels: LABELS, "list_classes": np.arange(3)}))
    np.testing.assert_array_equal(images_of(source), IMAGES)
    np.testing.assert_array_equal(images_of(source, [0, 3, 4, 22]), IMAGES[[0, 3, 4, 22]])
    found = source.labels()
    assert found is not None
    np.testing.assert_array_equal(found, LABELS)


def test_keys_and_splits(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.hdf5", train__x=IMAGES, train__y=LABELS, test__x=IMAGES[:5], test__y=LABELS[:5])
    assert opened(path).count == 5
    assert opened(path).notes == ["the split 'test' was read, of test and train"]
    assert opened(path, split="train").count == 23
    assert opened(path, keys=("/train/x", "train/y")).count == 23
    assert opened(path, keys=("train/x",)).labels() is None
    assert "an array 'train'; got test/x, test/y, train/x, train/y" in refused(path, keys=("train",))
    assert "23 images" in refused(path, keys=("train/x", "test/y"))


@pytest.mark.parametrize("chunks", [None, (4, 4, 5, 3), (1, 2, 5, 3), (23, 1, 1, 1)])
@pytest.mark.parametrize("piece", [100, 300, 700, 32 << 20])
def test_pieces_of_whole_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunks: tuple[int, ...] | None, piece: int
) -> None:
    monkeypatch.setattr(hdf5, "PIECE_BYTES", piece)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", data=IMAGES, chunks=chunks, compression="gzip" if chunks else None)
    source = opened(tmp_path / "a.h5")
    np.testing.assert_array_equal(images_of(source), IMAGES)
    np.testing.assert_array_equal(images_of(source, [2, 3, 17]), IMAGES[[2, 3, 17]])
    for found in source.pieces(np.arange(23)):
        assert found.images.nbytes <= max(4 * piece, 60)
        if chunks == (4, 4, 5, 3):
            assert found.rows[0] % 4 == 0


@pytest.mark.parametrize("kind", ["?", ">u2", "<i4", "f2", ">f8"])
def test_pixels_keep_their_type_in_native_order(tmp_path: Path, kind: str) -> None:
    images = IMAGES.astype(kind)
    found = images_of(opened(saved(tmp_path / "a.h5", images=images)))
    assert found.dtype == images.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, images)


def test_labels_of_text(tmp_path: Path) -> None:
    found = opened(saved(tmp_path / "a.h5", images=IMAGES[:2], labels=np.array([b"cat", b"dog"]))).labels()
    assert found is not None
    assert found.tolist() == ["cat", "dog"]


def test_nothing_outside_of_the_file_is_read(tmp_path: Path) -> None:
    other = saved(tmp_path / "other.h5", images=IMAGES, labels=LABELS)
    (tmp_path / "raw").write_bytes(IMAGES.tobytes())
    layout = h5py.VirtualLayout(IMAGES.shape, "u1")
    layout[:] = h5py.VirtualSource(str(other), "images", IMAGES.shape)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = IMAGES
        file["link"] = h5py.ExternalLink(str(other), "images")
        file["folder"] = h5py.ExternalLink(str(other), "/")
        file["soft"] = h5py.SoftLink("/link")
        file.create_dataset("raw", IMAGES.shape, "u1", external=[(str(tmp_path / "raw"), 0, IMAGES.nbytes)])
        file.create_virtual_dataset("virtual", layout)
    path = tmp_path / "a.h5"
    assert opened(path).count == 23
    assert "an external link at link" in refused(path, keys=("link",))
    assert "an external link at folder" in refused(path, keys=("folder/images",))
    assert "a soft link at soft" in refused(path, keys=("soft",))
    assert "a reference to another file" in refused(path, keys=("raw",))
    assert "a reference to another file" in refused(path, keys=("virtual",))


def test_arrays_that_are_no_image_set(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = IMAGES
        file["labels"] = ["cat"] * 23
        file.create_dataset("ragged", (23,), h5py.vlen_dtype(np.uint8))
        file.create_dataset("compound", (23, 4, 4), np.dtype([("r", "u1"), ("g", "u1")]))
        file.create_dataset("empty", data=h5py.Empty("u1"))
        file.create_dataset("large", (1, 20_000, 20_000), "u1", chunks=(1, 20_000, 20_000))
        file["scalar"] = 3
    path = tmp_path / "a.h5"
    assert "values of variable length" in refused(path)
    assert "values of variable length" in refused(path, keys=("ragged",))
    assert "plain numbers" in refused(path, keys=("compound",))
    assert "plain numbers" in refused(path, keys=("empty",))
    assert "unpacks to at most 200 times" in refused(path, keys=("large",))
    assert "got shape ()" in refused(path, keys=("scalar",))


def test_a_small_file_that_unpacks_to_a_lot(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", (10**7, 1000, 1000), "u1", chunks=(1, 1000, 1000), compression="gzip")
    assert "unpacks to at most 200 times its size" in refused(tmp_path / "a.h5")


def test_from_any_file_system(tmp_path: Path) -> None:
    content = saved(tmp_path / "a.h5", images=IMAGES, labels=LABELS).read_bytes()
    with fsspec.open("memory://sets/a.h5", "wb") as file:
        file.write(content)
    np.testing.assert_array_equal(images_of(opened("memory://sets/a.h5")), IMAGES)


@pytest.mark.parametrize("chunks", [None, (4, 4, 5, 3)])
def test_damaged_files(tmp_path: Path, chunks: tuple[int, ...] | None) -> None:
    with h5py.File(tmp_path / "good.h5", "w") as file:
        file.create_dataset("images", data=IMAGES, chunks=chunks, compression="gzip" if chunks else None)
        file["labels"] = LABELS
    for changed in damaged((tmp_path / "good.h5").read_bytes()):
        survives(tmp_path / "a.h5", changed)
