"""Image sets in one .npy file, or a pair of them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.datasets.files import npy_stream
from tests.sources import damaged, images_of, opened, refused, survives

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 4, 5, 3)).astype(np.uint8)
LABELS = np.arange(12) % 3


def saved(path: Path, array: Any) -> Path:
    np.save(path, array)
    return path


def test_images_alone(tmp_path: Path) -> None:
    source = opened(saved(tmp_path / "x.npy", IMAGES))
    assert source.labels() is None
    assert source.count == 12
    np.testing.assert_array_equal(images_of(source), IMAGES)


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], np.eye(3)[LABELS], np.array(["a", "b", "c"])[LABELS]])
def test_a_pair_in_either_order(tmp_path: Path, labels: Any) -> None:
    x, y = saved(tmp_path / "x.npy", IMAGES[..., 0]), saved(tmp_path / "y.npy", labels)
    for pair in (f"{x},{y}", f"{y},{x}"):
        source = opened(pair)
        np.testing.assert_array_equal(images_of(source), IMAGES[..., 0])
        found = source.labels()
        assert found is not None
        np.testing.assert_array_equal(found, labels)


def test_pairs_that_are_no_image_set(tmp_path: Path) -> None:
    x, y = saved(tmp_path / "x.npy", IMAGES), saved(tmp_path / "y.npy", LABELS[:9])
    assert "for each of the 12 images in x.npy; got 9 labels, shape (9,)" in refused(f"{x},{y}")
    assert "the same file twice" in refused(f"{x},{x}")
    assert "one array of images" in refused(y)
    assert "3 files" in refused(f"{x},{y},{y}")
    assert "leave --keys out" in refused(x, keys=("x",))
    assert "leave --split out" in refused(x, split="test")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    images=arrays.arrays(
        st.sampled_from(["u1", "<f4", ">u2", "?", "f2"]),
        arrays.array_shapes(min_dims=3, max_dims=4, max_side=6),
        elements={"min_value": 0, "max_value": 1},
        fill=st.nothing(),
    ),
    fortran=st.booleans(),
    data=st.data(),
)
def test_any_array_and_rows(tmp_path: Path, images: Any, fortran: bool, data: st.DataObject) -> None:
    path = saved(tmp_path / "x.npy", np.asfortranarray(images) if fortran else images)
    rows = sorted(data.draw(st.sets(st.integers(0, len(images) - 1), min_size=1)))
    np.testing.assert_array_equal(images_of(opened(path), rows), images[rows])


def test_no_rows(tmp_path: Path) -> None:
    assert list(opened(saved(tmp_path / "x.npy", IMAGES)).pieces(np.empty(0, np.int64))) == []


def test_pieces_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy_stream, "PIECE_BYTES", 130)
    pieces = list(opened(saved(tmp_path / "x.npy", IMAGES)).pieces(np.arange(12)))
    assert [piece.rows.tolist() for piece in pieces] == [[i, i + 1] for i in range(0, 12, 2)]
    np.testing.assert_array_equal(np.concatenate([piece.images for piece in pieces]), IMAGES)


def test_a_large_array_in_fortran_order_is_refused(tmp_path: Path) -> None:
    array = np.lib.format.open_memmap(
        tmp_path / "x.npy", "w+", np.uint8, (300, 1024, 1024), fortran_order=True
    )  # sparse on disk
    del array
    assert "Fortran order" in refused(tmp_path / "x.npy")


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(b"\x80\x04]\x94.")
    assert "a pickle, which is not opened" in refused(tmp_path / "x.npy")
    np.save(tmp_path / "y.npy", np.array([Path()] * 3, object), allow_pickle=True)
    assert "an object array, which is not unpickled" in refused(tmp_path / "y.npy")


def test_from_any_file_system(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npy", IMAGES)
    with fsspec.open("memory://sets/x.npy", "wb") as file:
        file.write(path.read_bytes())
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "x.npy")
    for url in ("memory://sets/x.npy", f"zip://x.npy::{tmp_path}/set.zip"):
        np.testing.assert_array_equal(images_of(opened(url), [1, 2, 9]), IMAGES[[1, 2, 9]])


def test_damaged_files(tmp_path: Path) -> None:
    content = saved(tmp_path / "good.npy", IMAGES).read_bytes()
    for changed in damaged(content):
        survives(tmp_path / "x.npy", changed)
    assert "bytes, as shape (12, 4, 5, 3) and type uint8 say" in refused(saved_bytes(tmp_path / "c.npy", content[:-1]))


def saved_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
