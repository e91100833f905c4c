from __future__ import annotations

import gzip
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.datasets import fashion_mnist
from core.datasets.base import checked
from core.datasets.fashion_mnist import FILES, FashionMnist
from core.datasets.npz import NpzDataset
from core.errors import DataError

IMAGES, LABELS = np.zeros((3, 4, 4, 1), np.uint8), np.array([0, 1, 2])
FLOATS = np.full((3, 4, 4, 1), 0.5)


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("images", "bounds"), [(IMAGES, (0.0, 1.0)), (FLOATS, (0.0, 1.0)), (FLOATS.astype("f2") * -2, (-1.0, 1.0))]
)
def test_an_npz_file(tmp_path: Path, images: Any, bounds: tuple[float, float]) -> None:
    data = NpzDataset(saved(tmp_path / "a.npz", images=images, labels=LABELS.astype("u1"))).load(bounds)
    assert data.images.dtype == (np.uint8 if images.dtype == np.uint8 else np.float32)
    np.testing.assert_array_equal(data.images, images)
    assert data.required_labels().dtype == np.int64
    assert len(data.head(2).images) == len(data.head(2).required_labels()) == 2
    assert len(data.head(None).images) == len(data.head(99).images) == 3


def with_pixel(value: float) -> Any:
    images = FLOATS.copy()
    images[1, 2, 3, 0] = value
    return images


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": IMAGES}, "an array 'labels'; got images"),
        ({"labels": LABELS}, "an array 'images'; got labels"),
        ({"images": IMAGES[..., 0], "labels": LABELS}, "shape (N, H, W, C); got shape (3, 4, 4)"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "at least one image"),
        ({"images": IMAGES, "labels": LABELS[:2]}, "labels of shape (3,), one per image; got shape (2,)"),
        ({"images": IMAGES, "labels": np.eye(3)}, "got shape (3, 3)"),
        ({"images": IMAGES, "labels": LABELS / 2}, "integer type; got type float64"),
        ({"images": IMAGES, "labels": LABELS - 1}, "labels of 0 or more; got a label -1"),
        ({"images": IMAGES.astype("i4"), "labels": LABELS}, "uint8 (0..255) or float; got type int32"),
        ({"images": with_pixel(np.nan), "labels": LABELS}, "NaN or infinity in image 1"),
        ({"images": with_pixel(np.inf), "labels": LABELS}, "NaN or infinity in image 1"),
        ({"images": with_pixel(1.5), "labels": LABELS}, "bounds 0..1; got 0.5..1.5 (first in image 1)"),
        ({"images": with_pixel(-0.1), "labels": LABELS}, "(first in image 1)"),
    ],
)
def test_an_npz_file_that_cannot_be_attacked(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as refused:
        NpzDataset(saved(tmp_path / "a.npz", **arrays)).load()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


class Trap:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("unpickled"),))


def test_object_arrays_are_not_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arrays in (
        {"images": np.array([Trap()]), "labels": LABELS},
        {"images": IMAGES, "labels": np.array([Trap()] * 3)},
    ):
        with pytest.raises(DataError, match="object array"):
            NpzDataset(saved(tmp_path / "a.npz", **arrays)).load()
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError):
        NpzDataset(tmp_path / "b.npz").load()
    assert not (tmp_path / "unpickled").exists()


def test_files_that_are_no_archives(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        NpzDataset(tmp_path / "none.npz").load()
    (tmp_path / "a.npz").write_text("hello")
    with pytest.raises(DataError, match=r"\.npz archive"):
        NpzDataset(tmp_path / "a.npz").load()
    whole = saved(tmp_path / "b.npz", images=IMAGES, labels=LABELS).read_bytes()
    (tmp_path / "b.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError):
        NpzDataset(tmp_path / "b.npz").load()
    np.save(tmp_path / "c.npy", IMAGES)
    (tmp_path / "c.npy").rename(tmp_path / "c.npz")
    with pytest.raises(DataError, match="a single array"):
        NpzDataset(tmp_path / "c.npz").load()


# -- Fashion-MNIST: where it is looked for, and that it is verified -----------------------------


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without the data: an empty cache, no package, downloads that fail."""
    monkeypatch.setenv("ADVSHARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ADVSHARD_FASHION_MNIST", raising=False)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")

    def fail(command: list[str], *_: Any, **__: Any) -> None:
        raise subprocess.CalledProcessError(1, command, stderr="no network")

    monkeypatch.setattr(fashion_mnist, "run_program", fail)
    return tmp_path


def place(folder: Path, count: int = 5) -> dict[str, str]:
    """Files of the right form; their digests."""
    import hashlib

    folder.mkdir(parents=True, exist_ok=True)
    digests = {}
    for name in FILES:
        images = "images" in name
        shape = (count, 28, 28) if images else (count,)
        header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
        content = header + bytes(int(np.prod(shape)))
        (folder / name).write_bytes(gzip.compress(content))
        digests[name] = hashlib.sha256(content).hexdigest()
    return digests


def test_without_data_the_error_says_what_was_tried(nowhere: Path) -> None:
    with pytest.raises(DataError) as refused:
        FashionMnist().load()
    for said in ("Keras's download failed (no network)", "apt-get download failed", "dataset-fashion-mnist"):
        assert said in str(refused.value)


@pytest.mark.parametrize("source", ["given", "environment", "cache", "debian", "keras"])
def test_each_source_is_used(nowhere: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    digests = place(nowhere / "there")
    monkeypatch.setattr(fashion_mnist, "FILES", digests)
    given = None
    if source == "given":
        given = nowhere / "there"
    elif source == "environment":
        monkeypatch.setenv("ADVSHARD_FASHION_MNIST", str(nowhere / "there"))
    elif source == "cache":
        place(nowhere / "cache" / "fashion-mnist")
    elif source == "debian":
        place(nowhere / "debian")
    else:

        def download(command: list[str], env: dict[str, str], *_: Any) -> None:
            place(Path(env["KERAS_HOME"]) / "datasets" / "fashion-mnist")

        monkeypatch.setattr(fashion_mnist, "run_program", download)
    data = FashionMnist(given).load()
    assert data.images.shape == (5, 28, 28, 1)
    assert data.images.dtype == np.uint8
    if source == "keras":
        assert sorted(path.name for path in (nowhere / "cache" / "fashion-mnist").iterdir()) == sorted(FILES)


def test_another_content_is_refused(nowhere: Path) -> None:
    place(nowhere / "there")
    with pytest.raises(DataError, match="content with SHA-256"):
        FashionMnist(nowhere / "there").load()
    (nowhere / "there" / "t10k-images-idx3-ubyte.gz").write_bytes(b"not gzip")
    with pytest.raises(DataError, match="a gzipped IDX file"):
        FashionMnist(nowhere / "there").load()
    (nowhere / "there" / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataError, match="not all of them"):
        FashionMnist(nowhere / "there").load()


def test_the_real_test_and_training_images() -> None:
    test, train = FashionMnist().load(), FashionMnist().load_train()
    assert test.images.shape == (10_000, 28, 28, 1)
    assert train.images.shape == (60_000, 28, 28, 1)
    assert np.bincount(test.required_labels()).tolist() == [1000] * 10
    assert np.bincount(train.required_labels()).tolist() == [6000] * 10
    assert test.class_names[9] == "Ankle boot"


def test_a_set_may_have_no_labels() -> None:
    found = checked("bare", IMAGES, None, (0.0, 1.0))
    assert found.labels is None
    assert found.head(2).labels is None
    assert len(found.head(2).images) == 2
    with pytest.raises(DataError, match="bare with labels, one class number per image; got no labels"):
        found.required_labels()
