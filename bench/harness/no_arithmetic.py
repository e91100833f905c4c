"""A task without arithmetic: the attack returns the images unchanged, and a stand-in replaces the model.

``python -m bench.harness.no_arithmetic work URL`` executes a planned run on the embedded server, with real workers
whose Celery app is this module: everything but TensorFlow is as in any run.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tasks.reduce
import tasks.session
import tasks.shard
from core.attacks.base import Attack, Attacked, Examples
from core.image.digest import digests, images_digest
from core.image.pixels import Images, to_float
from core.models.files.card import ModelCard
from core.models.inference.classifier import Classifier, Loss, TargetedLoss
from core.reduce.reduce_run import reduce_run
from core.registry import ATTACKS, METRICS
from core.run.manifest import Manifest
from core.run.records import ShardRecord
from core.run.run_store import RunStore
from core.run.work_unit import single
from core.shard import ledger
from core.shard.attack_shard import run_shard
from core.shard.cascade import Outcome
from tasks.app import app

__all__ = ["app"]  # Celery's app
SHAPE = (2, 2, 1)


@ATTACKS.register("unchanged")
class Unchanged(Attack):
    """Returns every image unchanged."""

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:  # noqa: ARG002 - Attack's signature
        """See Attack."""
        return Attacked.start(examples.images)


class StandIn:
    """Predicts class 0 for every image."""

    batch_size, classes, exact = 64, 2, True

    def logits(self, images: Images) -> NDArray[np.float32]:
        """See Classifier."""
        return np.zeros((len(images), self.classes), np.float32)

    def gradient(
        self,
        images: Images,
        labels: NDArray[np.int64],  # noqa: ARG002 - Classifier's signature
        loss: Loss,  # noqa: ARG002 - Classifier's signature
    ) -> tuple[NDArray[np.float32], Images]:
        """See Classifier."""
        return self.logits(images), np.zeros_like(images)

    def towards(
        self,
        images: Images,
        labels: NDArray[np.int64],  # noqa: ARG002 - Classifier's signature
        targets: NDArray[np.int64],  # noqa: ARG002 - Classifier's signature
        loss: TargetedLoss,  # noqa: ARG002 - Classifier's signature
    ) -> tuple[NDArray[np.float32], Images]:
        """See Classifier."""
        return self.logits(images), np.zeros_like(images)

    def rivals(
        self,
        images: Images,
        labels: NDArray[np.int64],
        count: int,  # noqa: ARG002 - Classifier's signature
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], Images]:
        """See Classifier."""
        return self.logits(images), 1 - labels[:, None], np.zeros_like(images)[:, None]


def stand_in(*_: Any, **__: Any) -> Classifier:
    """In place of the run's model."""
    return StandIn()


for module in (tasks.shard, tasks.reduce, tasks.session):
    replaced: Any = module
    replaced.classifier_of, replaced.load_tensorflow = stand_in, lambda: None


def planned(folder: Path, shards: int, images: int, shape: tuple[int, int, int] = SHAPE) -> RunStore:
    """A planned run of random images, in a store of its own."""
    from orchestrator.planning import plan
    from orchestrator.planning.request import Request

    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    data, model = folder / "set.npz", folder / "none.keras"
    np.savez(data, images=rng.integers(0, 256, (images, *shape), np.uint8), labels=np.arange(images) % 2)
    model.write_bytes(b"PK\x03\x04 none")
    replaced: Any = plan
    replaced.resolve = lambda *_: ("none", model, ModelCard(image_shape=shape, classes=2))
    request = Request(
        store=str(folder / "runs"), data=str(data), model="none", shards=shards, attack="unchanged", fallback=None
    )
    return plan.plan(request)


def plan(folder: str, shards: str, images: str) -> dict[str, Any]:
    """Plan a run."""
    return {"url": planned(Path(folder), int(shards), int(images)).url}


def make(folder: str, size: str) -> dict[str, Any]:
    """Plan a run with an output of ``size`` bytes, and write its shards."""
    images = int(size) // (4 * 28 * 28)
    shards = max(1, images // 2048)
    run = planned(Path(folder), shards, images, (28, 28, 1))
    write_shards(run)
    return {"url": run.url, "bytes": images * 4 * 28 * 28, "images": images, "shards": shards}


def write_shards(run: RunStore) -> None:
    """Write every shard of a planned run: the first as a worker does, the others modelled on its record."""
    manifest = run.manifest()
    first = run_shard(run, single(0), stand_in, "made")
    for index in range(1, manifest.shards):
        _write_shard(run, manifest, first, index)


def _write_shard(run: RunStore, manifest: Manifest, first: ShardRecord, index: int) -> None:
    shard = manifest.slice_of(single(index))
    stored, indices = run.inputs.images(manifest.data, shard.start, shard.stop), np.arange(shard.start, shard.stop)
    clean, zeros = to_float(stored, manifest.config.bounds), np.zeros(shard.count, np.int64)
    metrics = {name: np.full(shard.count, float(name.startswith("ssim"))) for name in METRICS}
    measured = ledger.Measured(zeros, zeros, zeros, metrics)
    outcome = Outcome(clean, zeros, ["mifgsm"] * shard.count, [""] * shard.count, zeros, zeros)
    labels = run.inputs.labels(manifest.data, shard.start, shard.stop)
    names = digests(stored, manifest.config.bounds)
    rows = ledger.rows(measured, outcome, indices, labels, zeros - 1, names, np.full(shard.count, index))
    run.shards.write_images(single(index), clean)
    content = run.shards.write_rows(single(index), rows)
    images, sha256 = images_digest(clean), hashlib.sha256(content).hexdigest()
    run.shards.write_record(first.model_copy(update={"shard": shard, "images_sha256": images, "rows_sha256": sha256}))


def send(url: str) -> dict[str, Any]:
    """Send every shard to a broker without workers."""
    from orchestrator.broker.connection import use_broker
    from orchestrator.broker.dispatch import CeleryDispatcher
    from orchestrator.broker.valkey_server import ValkeyServer

    server, run = ValkeyServer(), RunStore(url)
    try:
        use_broker(server.url)
        manifest = run.manifest()
        sender = CeleryDispatcher(run, manifest)
        sender.send(single(0))
        began = time.perf_counter()
        for index in range(1, manifest.shards):
            sender.send(single(index))
        return {"messages": manifest.shards - 1, "seconds": time.perf_counter() - began}
    finally:
        server.stop()


def work(url: str) -> dict[str, Any]:
    """Execute the run with two workers."""
    from orchestrator.broker import embedded
    from orchestrator.execution.execute import execute

    embedded.COMMAND = [sys.executable, "-m", "celery", "-A", "bench.harness.no_arithmetic"]
    run = RunStore(url)
    report, timing = execute(run, None, 2), run.orchestrators.timing()
    return {**report.timing, **(timing.model_dump() if timing else {}), "complete": report.complete}


def reduce(url: str) -> dict[str, Any]:
    """Reduce the run once more."""
    run = RunStore(url)
    run.results.withdraw_report()
    report = reduce_run(run, stand_in)
    wrong = [check.name for check in report.audit if not check.passed]
    if wrong:
        raise SystemExit(f"the audit failed: {wrong}")
    return {"seconds": report.timing["reduce_seconds"], "complete": report.complete}


class NoWorkers:
    """No workers: for a run whose shards are all completed."""

    def tend(self) -> list[str]:
        """No worker died."""
        return []

    def replace(self, name: str) -> None:
        """Do nothing: there is no worker."""


def resume(url: str) -> dict[str, Any]:
    """Time the first step of a resumed run, which registers all completed shards, and count the run's files.

    busy_seconds: from the start of the first shard to that of the last, without starting the server and the workers.
    """
    from orchestrator.broker.dispatch import CeleryDispatcher
    from orchestrator.execution.scheduler import Scheduler

    run = RunStore(url)
    scheduler = Scheduler(run, CeleryDispatcher(run, run.manifest()), NoWorkers())
    began = time.perf_counter()
    scheduler.attack()
    seconds = time.perf_counter() - began
    files = sum(1 for _ in run.folder.find("shards")) + sum(1 for _ in run.folder.find("attempts"))
    started = [attempt.started for attempt, _ in run.attempts.all()]
    return {
        "seconds": seconds,
        "done": scheduler.progress.shards,
        "files_per_shard": files / scheduler.progress.total_shards,
        "busy_seconds": max(started) - min(started),
    }


COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {
    each.__name__: each for each in (plan, make, send, work, reduce, resume)
}


def main() -> None:
    """Run one of the commands above; the last line is its result with its own CPU time and peak memory, as JSON."""
    name, *arguments = sys.argv[1:]
    said = COMMANDS[name](*arguments)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({**said, "own_cpu": used.ru_utime + used.ru_stime, "own_peak_mb": used.ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
