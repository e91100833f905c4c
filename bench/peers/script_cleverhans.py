"""The whole job as a script with CleverHans, without any of our tools.

    .venv-peers/bin/python -m bench.peers.script_cleverhans TASK OUT

Load the model and the images, attack them all, measure success and SSIM, save the images.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

BATCH = 128


def main(task: Path, out: Path) -> None:
    """Do the job and print the seconds of its parts."""
    ticks = [time.perf_counter()]
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import numpy as np
    import tensorflow as tf
    from cleverhans.tf2.attacks.momentum_iterative_method import momentum_iterative_method
    from skimage.metrics import structural_similarity

    ticks.append(time.perf_counter())
    model = keras.saving.load_model(task / "model.keras", compile=False)
    model.layers[-1].activation = keras.activations.linear
    images = np.load(task / "images.npy")
    settings = json.loads((task / "attack.json").read_text())

    @tf.function(reduce_retracing=True)
    def logits(x: Any) -> Any:
        return model(x, training=False)

    @tf.function(reduce_retracing=True)
    def attack(x: Any, y: Any) -> Any:
        return momentum_iterative_method(
            logits, x, settings["epsilon"], settings["step_size"], settings["steps"],
            clip_min=0.0, clip_max=1.0, y=y, decay_factor=settings["decay"], sanity_checks=False,
        )  # fmt: skip

    batches = [tf.constant(images[at : at + BATCH]) for at in range(0, len(images), BATCH)]
    ticks.append(time.perf_counter())
    before = [tf.argmax(logits(batch), axis=1) for batch in batches]
    parts = [attack(batch, classes) for batch, classes in zip(batches, before, strict=True)]
    ticks.append(time.perf_counter())
    after = [tf.argmax(logits(part), axis=1) for part in parts]
    success = float((np.concatenate(before) != np.concatenate(after)).mean())
    adversarial = np.concatenate(parts)
    ssim = [
        structural_similarity(
            a, b, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=-1
        )
        for a, b in zip(images.astype(np.float64), adversarial.astype(np.float64), strict=True)
    ]
    np.save(out, adversarial)
    ticks.append(time.perf_counter())
    names = ("imports", "load", "attack", "measure and save")
    seconds = {name: end - start for name, start, end in zip(names, ticks, ticks[1:], strict=False)}
    print(json.dumps({"success": success, "ssim": float(np.mean(ssim)), "seconds": seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
