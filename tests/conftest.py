"""One thread for TensorFlow, as in a worker, before anything imports it; and Hypothesis's profile."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.update(
    OMP_NUM_THREADS="1",
    TF_NUM_INTRAOP_THREADS="1",
    TF_NUM_INTEROP_THREADS="1",
    TF_ENABLE_ONEDNN_OPTS="1",
    TF_CPP_MIN_LOG_LEVEL="3",
    KERAS_BACKEND="tensorflow",
    CUDA_VISIBLE_DEVICES="-1",
)
for name in ("ADVSHARD_BROKER_URL", "ADVSHARD_STORE", "ADVSHARD_TRUST_MODEL", "ADVSHARD_IMPORTS"):
    os.environ.pop(name, None)

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# Without a deadline: a first example may import TensorFlow or be slowed down by a busy machine.
# In CI the examples are the same in each run; elsewhere each run tries new ones, and failures are kept in .hypothesis.
settings.register_profile("advshard", deadline=None)
settings.register_profile("advshard-ci", deadline=None, derandomize=True, database=None)
settings.load_profile("advshard-ci" if os.environ.get("CI") else "advshard")


@pytest.fixture(scope="session")
def one_thread() -> None:
    """TensorFlow, set up as in a worker."""
    from tasks.session import load_tensorflow

    load_tensorflow()


@pytest.fixture(scope="session")
def fashion_mnist() -> Path:
    """The folder of Fashion-MNIST, for tests with a cache of their own; downloaded if it is nowhere on this machine."""
    from core.datasets.fashion_mnist import DEBIAN_FOLDER, FILES, FashionMnist
    from core.runtime.cache_dir import cache_dir

    FashionMnist().load()
    folders = (FashionMnist().folder, cache_dir() / "fashion-mnist", DEBIAN_FOLDER)
    return next(each for each in folders if each and all((each / name).is_file() for name in FILES))
