"""The reader of an image set is found by its name; what can't be read says how to convert it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources import refused


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.csv", "a CSV file; save its pixels with numpy.savez"),
        ("a.tfrecord", "a TFRecord file"),
        ("a.mat", "a MATLAB file; read it with scipy.io.loadmat"),
        ("a.pkl", "a pickle, which is not opened"),
        ("a.pt", "a pickle, which is not opened"),
        ("a.tar", "a tar archive; unpack it"),
        ("a.tar.gz", "a compressed file; unpack it"),
        ("a.zip", "a zip archive; unpack it"),
        ("a.xyz", "a file that ends in '.xyz'; give a folder of image files"),
        ("data", "a file that ends in ''"),
    ],
)
def test_formats_that_are_not_read(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04]\x94.")
    assert said in refused(tmp_path / name)


def test_a_folder_without_images(tmp_path: Path) -> None:
    assert "images that can be read; got none" in refused(tmp_path)
    (tmp_path / "notes.txt").touch()
    assert "got files that end in .txt" in refused(tmp_path)


def test_files_of_several_formats(tmp_path: Path) -> None:
    for name in ("a.npy", "a.npz"):
        (tmp_path / name).touch()
    assert "got files that end in .npy, .npz" in refused(f"{tmp_path}/a.npy,{tmp_path}/a.npz")
