"""Adversarial Robustness Toolbox on PyTorch: its MI-FGSM."""

from __future__ import annotations

from bench.peers.harness import Array, Loaded, Settings, main
from bench.peers.torch_model import load_cnn

BATCH = 128  # the fastest of 64, 128, 250 and 500


def load(settings: Settings) -> Loaded:
    import numpy as np
    from art.attacks.evasion import MomentumIterativeMethod
    from art.estimators.classification import PyTorchClassifier
    from torch import nn

    classifier = PyTorchClassifier(
        model=load_cnn(settings.model),
        loss=nn.CrossEntropyLoss(),
        input_shape=(1, 28, 28),
        nb_classes=10,
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )
    attack = MomentumIterativeMethod(
        classifier, eps=settings.epsilon, eps_step=settings.step_size, decay=settings.decay,
        max_iter=settings.steps, batch_size=settings.batch, verbose=False,
    )  # fmt: skip

    def channel_first(images: Array) -> Array:
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))

    def attack_all(images: Array, labels: Array) -> Array:
        return attack.generate(channel_first(images), labels).transpose(0, 2, 3, 1)

    return Loaded(lambda x: classifier.predict(channel_first(x)), attack_all)


if __name__ == "__main__":
    main(load, BATCH, ("adversarial-robustness-toolbox", "torch", "numpy"))
