"""``python -m bench.harness.reduce_parts IMAGES SHARDS bare|ours|reduce`` prints its seconds, as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.image.pixels import Images, to_float

SHAPE = (28, 28, 1)


def pairs(images: int) -> tuple[Images, Images]:
    """Images and slightly changed ones."""
    rng = np.random.default_rng(0)
    clean = to_float(rng.integers(0, 256, (images, *SHAPE), np.uint8), (0, 1))
    return clean, np.clip(clean + rng.normal(0, 0.05, clean.shape), 0, 1).astype(np.float32)


def timed(work: Callable[[], object]) -> float:
    """The seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def bare(images: int, shards: int) -> dict[str, float]:  # noqa: ARG001 - called as the other parts are
    """A plain loop around scikit-image's function."""
    from skimage.metrics import structural_similarity

    clean, other = pairs(images)
    first, second = clean[..., 0].astype(np.float64), other[..., 0].astype(np.float64)

    def loop() -> None:
        for a, b in zip(first, second, strict=True):
            structural_similarity(a, b, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)  # type: ignore[no-untyped-call]

    return {"bare": timed(loop)}


def ours(images: int, shards: int) -> dict[str, float]:
    """The registered metric, shard by shard."""
    from core.metrics.ssim import Ssim

    clean, other = pairs(images)
    Ssim()(clean[:1], other[:1], (0.0, 1.0))
    cuts = [range(images)[index * images // shards : (index + 1) * images // shards] for index in range(shards)]
    return {"ours": timed(lambda: [Ssim()(clean[c.start : c.stop], other[c.start : c.stop], (0, 1)) for c in cuts])}


def reduce(images: int, shards: int) -> dict[str, float]:
    """The reduce with the real model; the audit's measurement and the load of TensorFlow are timed apart."""
    from bench.harness.no_arithmetic import planned, write_shards
    from core.models.files.card import ZOO
    from core.models.files.loading import load_model
    from core.models.inference.batch_invariance import settle
    from core.models.inference.classifier import Classifier, KerasClassifier
    from core.reduce import audit
    from core.reduce.reduce_run import reduce_run
    from core.shard import ledger
    from tasks.session import load_tensorflow

    found: list[Classifier] = []

    def load() -> None:
        load_tensorflow()
        model = load_model(ZOO / "cnn.keras")
        found.append(settle(lambda size: KerasClassifier(model, SHAPE, size), 64, SHAPE))
        ledger.measure(found[0], *pairs(64), (0.0, 1.0))

    with tempfile.TemporaryDirectory() as folder:
        run = planned(Path(folder) / "run", shards, images, SHAPE)
        write_shards(run)
        seconds = {"load": timed(load)}
        whole = timed(lambda: reduce_run(run, lambda *_: found[0]))
        again = timed(lambda: audit.check_sample(run, run.manifest(), found[0]))
    return {**seconds, "audit": again, "reduce": whole}


def main() -> None:
    """One of the functions above."""
    images, shards, name = sys.argv[1:]
    print(json.dumps({"bare": bare, "ours": ours, "reduce": reduce}[name](int(images), int(shards))))


if __name__ == "__main__":
    main()
