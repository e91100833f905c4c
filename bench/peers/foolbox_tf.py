"""Foolbox on TensorFlow: its basic iterative attack, without momentum.

Its MI-FGSM in L-infinity accumulates the signs of the gradients instead of the gradients: another attack.
"""

from __future__ import annotations

from bench.peers.harness import Array, Loaded, Settings, in_batches, main
from bench.peers.keras_model import load_logits, traced

BATCH = 500  # the fastest of 64, 128, 250 and 500


def load(settings: Settings) -> Loaded:
    import foolbox
    import tensorflow as tf

    logits = traced(load_logits(settings.model))
    model = foolbox.TensorFlowModel(logits, bounds=(0.0, 1.0), device="/CPU:0")
    attack = foolbox.attacks.LinfBasicIterativeAttack(
        abs_stepsize=settings.step_size, steps=settings.steps, random_start=False
    )

    def attack_arrays(images: Array, labels: Array) -> Array:
        _, found, _ = attack(model, tf.constant(images), tf.constant(labels), epsilons=settings.epsilon)
        return found.numpy()

    return Loaded(lambda x: logits(x).numpy(), in_batches(settings.batch, attack_arrays))


if __name__ == "__main__":
    main(load, BATCH, ("foolbox", "eagerpy", "tensorflow", "keras", "numpy"))
