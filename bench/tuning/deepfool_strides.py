"""How DeepFool's default number of strides was chosen, on held-out training images."""

from __future__ import annotations

import time
from typing import get_args

import numpy as np

from bench.harness.results import Result, Table
from bench.harness.session import classifier_of
from bench.tuning.held_out import held_out
from core.attacks.deepfool import DeepFool
from core.attacks.gradient.norms import NormName
from core.models.files.card import ZOO
from core.models.inference.classifier import predict

STRIDES = (1, 2, 4, 6)


def measure(*, quick: bool) -> Result:
    """Mean distance, success and CPU for some numbers of strides."""
    rows = []
    for model in ("cnn", "mlp"):
        classifier = classifier_of(ZOO / f"{model}.keras")
        examples = held_out(100 if quick else 1000, classifier)
        images, labels = examples.images, examples.labels
        for norm in get_args(NormName):
            for strides in STRIDES:
                began = time.process_time()
                found = DeepFool(norm=norm, strides=strides).run(classifier, examples).images
                seconds = time.process_time() - began
                change = (found - images).reshape(len(images), -1).astype(np.float64)
                distance = np.linalg.norm(change, 2 if norm == "l2" else np.inf, axis=1).mean()
                success = (predict(classifier, found) != labels).mean()
                rows.append([model, norm, str(strides), f"{distance:.5f}", f"{success:.4f}", f"{seconds:.1f}"])
    return Result(
        name="deepfool-strides",
        title="DeepFool's strides",
        command="python -m bench deepfool-strides",
        tables=[Table(columns=["model", "norm", "strides", "mean distance", "success", "CPU s"], rows=rows)],
        notes=[
            f"{len(images):,} training images that were held out. One stride is the paper's step; more strides "
            "cover the same distance in shorter steps, each with its own gradient. Beyond the default, 4, one or two "
            "percent less distance costs a quarter more CPU time.",
        ],
    )
