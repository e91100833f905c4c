"""Image sets in .npz files: the names that people give their arrays, and archives that can't be trusted."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from tests.sources import damaged, images_of, opened, refused, survives

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 4, 5, 3)).astype(np.uint8)
OTHERS = IMAGES[:7] // 2
LABELS = np.arange(12) % 3


def saved(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("images", "labels"),
        ("image", "label"),
        ("x_test", "y_test"),
        ("X_test", "y_test"),
        ("Xtest", "Ytest"),
        ("testX", "testY"),
        ("test_images", "test_labels"),
        ("test_set_x", "test_set_y"),
        ("x", "y"),
        ("X", "Y"),
        ("X", "y"),
        ("data", "labels"),
        ("data", "target"),
        ("imgs", "targets"),
    ],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_usual_names(tmp_path: Path, save: Any, images: str, labels: str) -> None:
    save(tmp_path / "a.npz", **{labels: LABELS, images: IMAGES, "author": "somebody"})
    source = opened(tmp_path / "a.npz")
    np.testing.assert_array_equal(images_of(source), IMAGES)
    np.testing.assert_array_equal(images_of(source, [0, 1, 5, 11]), IMAGES[[0, 1, 5, 11]])
    found = source.labels()
    assert found is not None
    np.testing.assert_array_equal(found, LABELS)
    assert source.count == 12
    assert (source.notes, source.broken) == ([], [])


def test_the_test_split_is_read_unless_another_is_asked_for(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", x_train=IMAGES, y_train=LABELS, x_test=OTHERS, y_test=LABELS[:7])
    source = opened(path)
    np.testing.assert_array_equal(images_of(source), OTHERS)
    assert source.notes == ["the split 'test' was read, of test and train"]
    source = opened(path, split="train")
    np.testing.assert_array_equal(images_of(source), IMAGES)
    assert source.notes == []
    assert "a split 'val'; got test, train" in refused(path, split="val")


def test_medmnist_and_its_validation_split(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "pathmnist.npz",
        **{f"{split}_images": IMAGES for split in ("train", "test")},
        **{f"{split}_labels": LABELS[:, None] for split in ("train", "test")},
        val_images=OTHERS,
        val_labels=LABELS[:7, None],
    )
    for name in ("val", "validation"):
        source = opened(path, split=name)
        np.testing.assert_array_equal(images_of(source), OTHERS)
        found = source.labels()
        assert found is not None
        assert found.shape == (7, 1)
    assert "was read, of test and train and val" in opened(path).notes[0]


def test_arrays_that_keys_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", pictures=IMAGES, kinds=LABELS, images=OTHERS)
    source = opened(path, keys=("pictures", "kinds"))
    np.testing.assert_array_equal(images_of(source), IMAGES)
    assert opened(path, keys=("images",)).labels() is None
    assert opened(path, keys=("images",)).count == 7
    assert "an array 'photos'; got pictures, kinds, images" in refused(path, keys=("photos",))
    assert "12 images" not in refused(path, keys=("images", "nothing"))
    assert "3 names" in refused(path, keys=("a", "b", "c"))
    assert "both" in refused(path, keys=("images",), split="test")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x_test": IMAGES, "images": IMAGES}, "got images and x_test; choose with --split NAME or --keys"),
        ({"x": IMAGES, "images": IMAGES, "y": LABELS}, "one array of images; got x and images"),
        ({"x": IMAGES, "y": LABELS, "labels": LABELS}, "one array of labels; got y and labels"),
        ({"x_train": IMAGES, "x_val": IMAGES}, "got x_train and x_val; choose with --split"),
        ({"a": IMAGES, "b": LABELS, "c": LABELS}, "usual names, such as images and labels; got a, b, c; name the"),
        ({"a": IMAGES, "b": IMAGES}, "(12, 4, 5, 3), b (12, 4, 5, 3)"),
    ],
)
def test_two_possible_readings_are_named(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    assert said in refused(saved(tmp_path / "a.npz", **arrays))


def test_images_alone(tmp_path: Path) -> None:
    source = opened(saved(tmp_path / "a.npz", x_test=IMAGES))
    assert source.labels() is None
    assert source.notes == []
    source = opened(saved(tmp_path / "b.npz", x_train=IMAGES, latents=LABELS))
    assert source.labels() is None
    assert "the split 'train' was read, the only one" in source.notes[0]
    assert "x_train was read without labels" in source.notes[1]


def test_arrays_without_names_are_told_apart_by_their_shapes(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", LABELS, IMAGES)
    source = opened(tmp_path / "a.npz")
    np.testing.assert_array_equal(images_of(source), IMAGES)
    assert source.labels() is not None
    np.savez(tmp_path / "b.npz", IMAGES)
    assert opened(tmp_path / "b.npz").labels() is None


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": IMAGES, "labels": LABELS[:5]}, "for each of the 12 images in {path}: images; got 5 labels"),
        ({"images": IMAGES.reshape(12, -1), "labels": LABELS}, "(N, H, W, C); got shape (12, 60)"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "at least one image"),
        ({"images": IMAGES.astype("c8"), "labels": LABELS}, "whole numbers or floats; got type complex64"),
        ({"images": IMAGES, "labels": LABELS.astype("c8")}, "numbers or fixed-length strings; got type complex64"),
        ({"images": np.array([{}] * 12), "labels": LABELS}, "object array, which is not unpickled"),
        ({"images": IMAGES, "labels": np.array([None] * 12)}, "object array, which is not unpickled"),
        ({"images": IMAGES.view([("r", "u1"), ("g", "u1"), ("b", "u1")])}, "plain numbers"),
        ({"images": IMAGES, "labels": np.int64(3)}, "0 labels, shape ()"),
    ],
)
def test_arrays_that_are_no_image_set(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    path = saved(tmp_path / "a.npz", **arrays)
    assert said.format(path=path) in refused(path)


@pytest.mark.parametrize("labels", [np.array(["cat", "dög", "cat"]), np.array([b"cat", "dög".encode(), b"cat"])])
def test_labels_of_text(tmp_path: Path, labels: Any) -> None:
    found = opened(saved(tmp_path / "a.npz", images=IMAGES[:3], labels=labels)).labels()
    assert found is not None
    assert found.tolist() == ["cat", "dög", "cat"]


def test_labels_of_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", images=IMAGES[:2], labels=np.array([b"\xff\xfe", b"a"]))
    assert "labels of valid text" in refused(path)


@pytest.mark.parametrize("kind", ["?", ">u2", "<i4", "f2", ">f8"])
def test_pixels_keep_their_type_in_native_order(tmp_path: Path, kind: str) -> None:
    images = IMAGES.astype(kind)
    found = images_of(opened(saved(tmp_path / "a.npz", images=images)))
    assert found.dtype == images.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, images)


def member(content: bytes, name: str = "images.npy", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive with one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.writestr(name, content)
    return buffer.getvalue()


def header(shape: tuple[int, ...], kind: str = "|u1") -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": kind, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an .npz archive"),
        (b"\x80\x04]q\x00.", "an .npz archive"),
        (member(b"text", "readme.txt"), "an .npz archive of arrays; got none"),
        (member(b"\x80\x04]q\x00."), "a pickle, which is not opened"),
        (member(b"text"), "a file of another format"),
        (member(b"\x93NUMPY\x03\x00"), ".npy version 3"),
        (member(b"\x93NUMPY\x01\x00\x10\x00{'descr':"), "an .npy array"),
        (member(header((10**12, 4, 4, 3)) + bytes(48)), "48,000,000,000,000 bytes, as shape"),
        (member(header((-1, 4, 4, 3)) + bytes(48)), "plain numbers"),
        (member(header((2, 4, 4, 3), "|O") + bytes(48)), "object array"),
        (member(header((2, 4, 4, 3), "|S0") + bytes(48)), "plain numbers"),
        (member(header((1, 4, 4, 3)) + bytes(48), method=zipfile.ZIP_LZMA), "compression method 14"),
        (member(header((1, 4, 4, 3)) + bytes(48), method=zipfile.ZIP_BZIP2), "compression method 12"),
        (member(header((1, 20_000, 20_000)) + bytes(400_000_000), method=0)[:200], "an .npz archive"),
    ],
    ids=range(14),
)
def test_archives_that_are_no_image_set(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    assert said in refused(path)


def test_a_decompression_bomb(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as file, file.open("images.npy", "w") as stream:
        stream.write(header((300, 1024, 1024)))
        for _ in range(300):
            stream.write(bytes(1 << 20))
    assert (tmp_path / "a.npz").stat().st_size < 400_000
    tracemalloc.start()
    try:
        assert "unpacks to at most 200 times its size" in refused(tmp_path / "a.npz")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_large_array_is_read_in_pieces(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 4, (1500, 256, 8)).astype(np.uint8).repeat(32, axis=2)
    path = saved(tmp_path / "a.npz", images=images)
    tracemalloc.start()
    try:
        start = 0
        for piece in opened(path).pieces(np.arange(len(images), dtype=np.int64)):
            assert np.array_equal(piece.images, images[start : start + len(piece.rows)])
            assert piece.images.nbytes <= 32 << 20
            start += len(piece.rows)
        assert start == 1500
        assert tracemalloc.get_traced_memory()[1] < 80 << 20  # of 98 MB: two pieces
    finally:
        tracemalloc.stop()


def test_from_any_file_system(tmp_path: Path) -> None:
    saved(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    with fsspec.open("memory://sets/a.npz", "wb") as file:
        file.write((tmp_path / "a.npz").read_bytes())
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "a.npz", "inside/a.npz")
    for url in ("memory://sets/a.npz", f"zip://inside/a.npz::{tmp_path}/set.zip"):
        np.testing.assert_array_equal(images_of(opened(url)), IMAGES)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_archives(tmp_path: Path, save: Any) -> None:
    save(tmp_path / "good.npz", images=IMAGES, labels=LABELS)
    content = (tmp_path / "good.npz").read_bytes()
    for changed in damaged(content):
        survives(tmp_path / "a.npz", changed)
