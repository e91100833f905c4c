"""A whole job as a script, without any of our tools: load, attack, measure success and SSIM, save the images."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.peers.harness import Settings

Attack = Callable[[Any, Any], Any]


def job(attack_of: Callable[[Any, Any, Settings], Attack], batch: int) -> None:
    """Do the job of a task's folder and print the seconds of its parts.

    Args:
        attack_of: makes the attack on tensors of images and labels from a model that ends in logits, that model as a
            traced function, and the settings.
        batch: images at a time, unless the command line names a number.
    """
    ticks = [time.perf_counter()]
    parser = argparse.ArgumentParser()
    parser.add_argument("task", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--batch", type=int, default=batch)
    given = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import numpy as np
    import tensorflow as tf
    from skimage.metrics import structural_similarity

    ticks.append(time.perf_counter())
    model = keras.saving.load_model(given.task / "model.keras", compile=False)
    model.layers[-1].activation = keras.activations.linear
    images = np.load(given.task / "images.npy")
    settings = json.loads((given.task / "attack.json").read_text())

    @tf.function(reduce_retracing=True)
    def logits(x: Any) -> Any:
        return model(x, training=False)

    attack = attack_of(model, logits, Settings(given.task / "model.keras", given.batch, **settings))
    batches = [tf.constant(images[at : at + given.batch]) for at in range(0, len(images), given.batch)]
    ticks.append(time.perf_counter())
    before = [tf.argmax(logits(each), axis=1) for each in batches]
    parts = [attack(each, classes) for each, classes in zip(batches, before, strict=True)]
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
    np.save(given.out, adversarial)
    ticks.append(time.perf_counter())
    names = ("imports", "load", "attack", "measure and save")
    seconds = {name: end - start for name, start, end in zip(names, ticks, ticks[1:], strict=False)}
    print(json.dumps({"success": success, "ssim": float(np.mean(ssim)), "seconds": seconds}))
