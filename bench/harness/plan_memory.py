"""What planning a large set takes: ``python -m bench plan``. It makes the set in a temporary folder, and removes it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import click
import numpy as np
import psutil
from PIL import Image

from core.storage.npy_header import npy_header

_SIDE, _CLASSES = 224, 10
_PLAN = """
import sys
from orchestrator.planning.plan import plan
from orchestrator.planning.request import Request
plan(Request(store=sys.argv[1], data=sys.argv[2], model=sys.argv[3], shards=64))
"""


@click.command()
@click.option("--images", type=click.IntRange(min=10), default=20_000, help="Number of images, 224 x 224 x 3")
@click.option("--kind", type=click.Choice(["jpeg", "npy"]), default="jpeg", help="Class folders of JPEG files, or .npy")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to make the set  [default: a temporary folder]")
def main(images: int, kind: str, folder: Path | None) -> None:
    """Plan a set of images, and print the time and the peak memory of all processes."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        root = Path(place)
        data = _jpegs(root / "set", images) if kind == "jpeg" else _npy(root / "set.npy", images)
        _model(root / "model.keras")
        began = time.perf_counter()
        planner = subprocess.Popen(
            [sys.executable, "-c", _PLAN, str(root / "runs"), str(data), str(root / "model.keras")]
        )
        peak = _peak_memory(planner.pid)
        code, seconds = planner.wait(), time.perf_counter() - began
        if code:
            raise SystemExit(code)
        decoded = images * _SIDE * _SIDE * 3
        click.echo(
            f"{images} ({decoded / 1e9:.1f} GB decoded) as {kind}: {seconds:.1f} s, {images / seconds:.0f} images"
            f" a second, peak memory of all processes {peak() / 1e6:.0f} MB"
        )


def _peak_memory(pid: int) -> partial[int]:
    """Watch a process and its children; the returned function gives the most memory that they held together.

    Memory that is shared with other processes counts in parts (PSS), so that nothing is counted twice.
    """
    most = [0]

    def watch() -> None:
        parent = psutil.Process(pid)
        while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
            total = 0
            for each in (parent, *parent.children(recursive=True)):
                try:
                    total += each.memory_full_info().pss
                except psutil.Error:
                    continue  # it has just ended
            most[0] = max(most[0], total)
            time.sleep(0.05)

    threading.Thread(target=watch, daemon=True).start()
    return partial(most.__getitem__, 0)


def _jpegs(root: Path, images: int) -> Path:
    for each in range(_CLASSES):
        (root / f"class-{each}").mkdir(parents=True)
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(_jpeg, root), range(images), chunksize=200))
    return root


def _jpeg(root: Path, number: int) -> None:
    random = np.random.default_rng(number)
    small = Image.fromarray(random.integers(0, 256, (14, 14, 3), np.uint8))
    path = root / f"class-{number % _CLASSES}" / f"{number:07d}.jpg"
    small.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR).save(path, quality=90)


def _npy(path: Path, images: int) -> Path:
    random, shape = np.random.default_rng(0), (_SIDE, _SIDE, 3)
    with path.open("wb") as file:
        file.write(npy_header((images, *shape), np.dtype(np.uint8)))
        for _ in range(images):
            file.write(random.bytes(_SIDE * _SIDE * 3))
    return path


def _model(path: Path) -> None:
    code = (
        "import sys, keras; keras.Sequential([keras.Input((224, 224, 3)), keras.layers.GlobalAveragePooling2D(),"
        " keras.layers.Dense(10)]).save(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True)
