"""Fashion-MNIST (Xiao et al. 2017, arXiv 1708.07747): 28x28 grey images of clothing, ten classes.

The files come from the first of these sources that has them: a given folder, the local cache, the folder
of the Debian package ``dataset-fashion-mnist``, Keras's download, the Debian package fetched with
``apt-get download``. Their content is always verified by SHA-256.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.datasets.base import ImageSet
from core.datasets.idx import read_idx
from core.errors import DataError
from core.registry import DATASETS
from core.runtime.cache_dir import cache_dir
from core.runtime.child_python import python_command
from core.runtime.settings import settings

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
# SHA-256 of the uncompressed content.
FILES = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
DEBIAN_PACKAGE = "dataset-fashion-mnist"
_TIMEOUT = 300  # seconds per download


@DATASETS.register("fashion-mnist")
class FashionMnist:
    """60,000 training and 10,000 test images, (28, 28, 1) uint8."""

    def __init__(self, folder: str | Path | None = None) -> None:
        given = folder or settings().fashion_mnist
        self.folder = Path(given) if given else None

    def load(self) -> ImageSet:
        """Load the 10,000 test images."""
        return self._read("t10k")

    def load_train(self) -> ImageSet:
        """Load the 60,000 training images."""
        return self._read("train")

    def _read(self, part: str) -> ImageSet:
        folder = self._locate()
        names = f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz"
        images, labels = (read_idx(folder / name, FILES[name]) for name in names)
        return ImageSet(f"fashion-mnist/{part}", images[..., None], labels.astype(np.int64), CLASS_NAMES)

    def _locate(self) -> Path:
        if self.folder is not None:
            if not _holds_all(self.folder):
                raise DataError(
                    f"the four files of Fashion-MNIST in {self.folder} ({', '.join(FILES)})",
                    "not all of them",
                    "correct or unset ADVSHARD_FASHION_MNIST",
                )
            return self.folder
        cache = cache_dir() / "fashion-mnist"
        for folder in (cache, DEBIAN_FOLDER):
            if _holds_all(folder):
                return folder
        reasons = []
        for fetch in (_fetch_with_keras, _fetch_with_apt):
            reason = _into_cache(fetch, cache)
            if reason is None:
                return cache
            reasons.append(reason)
        raise DataError(
            "Fashion-MNIST in the cache or a way to download it",
            "; ".join(reasons),
            f"install the Debian package {DEBIAN_PACKAGE}, or set ADVSHARD_FASHION_MNIST to a folder with "
            f"{', '.join(FILES)}",
        )


def _holds_all(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


def _into_cache(fetch: Callable[[Path], Path], cache: Path) -> str | None:
    """Run ``fetch`` in a temporary folder and move the files to ``cache``; returns the reason of a failure."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            found = fetch(Path(scratch))
            for name, sha256 in FILES.items():
                read_idx(found / name, sha256)
            for name in FILES:
                # Replacing is atomic, so two processes may do this at the same time.
                (found / name).replace(cache / name)
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout or "").strip().splitlines()
        return f"{fetch.__doc__} failed ({lines[-1] if lines else error})"
    except (OSError, subprocess.TimeoutExpired, DataError) as error:
        return f"{fetch.__doc__} failed ({error})"
    return None


def _fetch_with_keras(scratch: Path) -> Path:
    """Keras's download"""
    # In a separate process, because the command line must not import TensorFlow.
    code = "import keras; keras.datasets.fashion_mnist.load_data()"
    run_program(python_command("-c", code), {"KERAS_HOME": str(scratch), "TF_CPP_MIN_LOG_LEVEL": "3"})
    return scratch / "datasets" / "fashion-mnist"


def _fetch_with_apt(scratch: Path) -> Path:
    """apt-get download"""
    if shutil.which("apt-get") is None:
        raise OSError("no apt-get on this machine")
    # With separate folders, apt needs neither root nor an up-to-date package list.
    lists, cache, target = scratch / "lists", scratch / "apt", scratch / "unpacked"
    for folder in (lists / "partial", cache / "archives" / "partial", target):
        folder.mkdir(parents=True)
    options = ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={cache}"]
    run_program(["apt-get", *options, "update"])
    run_program(["apt-get", *options, "download", DEBIAN_PACKAGE], cwd=scratch)
    (package,) = scratch.glob(f"{DEBIAN_PACKAGE}_*.deb")
    run_program(["dpkg", "-x", str(package), str(target)])
    return target / DEBIAN_FOLDER.relative_to("/")


def run_program(command: list[str], env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run a program that downloads something; raises SubprocessError if it fails or takes too long."""
    subprocess.run(
        command,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        check=True,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
    )
