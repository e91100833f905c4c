"""Adversarial Robustness Toolbox on PyTorch: its PixelAttack by differential evolution."""

from __future__ import annotations

import json

from bench.peers.harness import Array, Loaded, Settings, main
from bench.peers.torch_model import load_cnn


def load(settings: Settings) -> Loaded:
    import numpy as np
    from art.attacks.evasion import PixelAttack
    from art.estimators.classification import PyTorchClassifier
    from torch import nn

    wanted = json.loads((settings.model.parent / "one_pixel.json").read_text())
    classifier = PyTorchClassifier(
        model=load_cnn(settings.model),
        loss=nn.CrossEntropyLoss(),
        input_shape=(1, 28, 28),
        nb_classes=10,
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )
    # th is the number of pixels. The population is fixed: 400, rounded down to a multiple of the 3 numbers per pixel.
    attack = PixelAttack(classifier, th=wanted["pixels"], es=1, max_iter=wanted["generations"])

    def channel_first(images: Array) -> Array:
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))

    def attack_all(images: Array, labels: Array) -> Array:
        return attack.generate(channel_first(images), labels).transpose(0, 2, 3, 1)

    return Loaded(lambda x: classifier.predict(channel_first(x)), attack_all)


if __name__ == "__main__":
    main(load, 1, ("adversarial-robustness-toolbox", "torch", "numpy"))
