"""DeepFool beside Foolbox's: distance, success and CPU seconds, one thread each.

Both have the same 1,000 test images, weights, overshoot, rivals and maximum of steps, and run alternately.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.harness import turns
from bench.harness.entrants import PEERS_PYTHON, check_peers
from bench.harness.results import Result, Statistic, Table
from bench.harness.session import classifier_of
from bench.harness.task import Task
from core.attacks.deepfool import DeepFool
from core.attacks.gradient.norms import NormName
from core.image.pixels import Images
from core.models.inference.classifier import predict

IMAGES, ROUNDS = 1000, 3
PEER_BATCHES = {"cnn": 16, "mlp": 128}  # the fastest of 8, 16, 32, 64 and 128, and of 16, 64 and 128
NORMS: tuple[NormName, ...] = ("l2", "linf")
OURS, PEER = "advshard", "Foolbox, PyTorch"


def measure(*, quick: bool) -> Result:
    """Both norms on both models."""
    check_peers()
    images, rounds = (100, 1) if quick else (IMAGES, ROUNDS)
    rows, statistics = [], []
    samples = {}
    for model in PEER_BATCHES:
        for norm in NORMS:
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch)
                runs = _rounds(folder, model, norm, images, rounds)
                found = {name: judge(Task(folder), np.load(folder / f"{name}.npy"), norm) for name in runs}
            samples[f"{model}, {norm}"] = {name: [each.plain() for each in runs[name]] for name in runs}
            cpu = {name: [each.said["cpu_seconds"] for each in runs[name]] for name in runs}
            for name, (distance, success) in found.items():
                rows.append([model, norm, name, f"{distance:.5f}", f"{success:.4f}", f"{turns.median(cpu[name]):.2f}"])
            where = f"{model}, {norm}"
            (ours, success), (theirs, _) = found[OURS], found[PEER]
            statistics += [
                Statistic(what=f"{where}: mean distance, relative to Foolbox", value=ours / theirs),
                Statistic(what=f"{where}: success", value=success),
                Statistic(what=f"{where}: CPU time, relative to Foolbox", value=turns.ratio(cpu[OURS], cpu[PEER])),
            ]
    columns = ["model", "norm", "", "mean distance", "success", "CPU s"]
    return Result(
        name="deepfool",
        title="DeepFool",
        command="python -m bench deepfool",
        tables=[Table(columns=columns, rows=rows)],
        statistics=statistics,
        notes=[
            f"{images:,} test images, labels = clean predictions, one thread each, medians of {rounds} rounds, run "
            "alternately; a ratio is the median of the rounds' ratios. The attack alone, after a warm-up. Mean "
            "distance in the norm, over all images, failures included; success by our model. Foolbox runs at its "
            "fastest batch size; a batch continues until its slowest image is done."
        ],
        samples=samples,
    )


def judge(task: Task, attacked: Images, norm: NormName) -> tuple[float, float]:
    """The mean distance, and the share of images whose prediction changed."""
    if not (np.isfinite(attacked).all() and attacked.min() >= 0 and attacked.max() <= 1):
        raise RuntimeError("expected pixels in 0..1, got others")
    change = (attacked.astype(np.float64) - task.images()).reshape(len(attacked), -1)
    length: NDArray[np.float64] = np.linalg.norm(change, 2 if norm == "l2" else np.inf, axis=1)
    return float(length.mean()), float((predict(classifier_of(task.model), attacked) != task.labels()).mean())


def _rounds(folder: Path, model: str, norm: NormName, images: int, rounds: int) -> dict[str, list[turns.Sample]]:
    turns.run([sys.executable, "-m", "bench.harness.task", str(folder), "--images", str(images), "--model", model])
    attack = DeepFool(norm=norm).model_dump(include={"norm", "steps", "overshoot", "candidates"})
    (folder / "attack.json").write_text(json.dumps({**attack, "architecture": model}))
    batch = str(PEER_BATCHES[model])
    scripts = {
        OURS: [sys.executable, "-m", "bench.harness.ours_deepfool"],
        PEER: [str(PEERS_PYTHON), "-m", "bench.peers.foolbox_deepfool", "--threads", "1", "--batch", batch],
    }
    commands = {name: [*script, str(folder), str(folder / f"{name}.npy")] for name, script in scripts.items()}
    return turns.take_turns(commands, rounds)
