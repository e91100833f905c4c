from __future__ import annotations

import gzip
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.datasets import fashion_mnist
from core.datasets.fashion_mnist import FILES, FashionMnist
from core.errors import DataError


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
