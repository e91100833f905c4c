"""CleverHans: its MI-FGSM for TensorFlow 2, all ten steps traced into one function."""

from __future__ import annotations

from bench.peers.harness import Array, Loaded, Settings, in_batches, main
from bench.peers.keras_model import load_logits, traced

BATCH = 128  # the fastest of 64, 128, 250 and 500


def load(settings: Settings) -> Loaded:
    import tensorflow as tf
    from cleverhans.tf2.attacks.momentum_iterative_method import momentum_iterative_method

    logits = traced(load_logits(settings.model))

    @tf.function(reduce_retracing=True)
    def attack(images: Array, labels: Array) -> Array:
        return momentum_iterative_method(
            logits, images, settings.epsilon, settings.step_size, settings.steps,
            clip_min=0.0, clip_max=1.0, y=labels, decay_factor=settings.decay,
            sanity_checks=False,  # these can't be traced
        )  # fmt: skip

    return Loaded(lambda x: logits(x).numpy(), in_batches(settings.batch, lambda x, y: attack(x, y).numpy()))


if __name__ == "__main__":
    main(load, BATCH, ("cleverhans", "tensorflow", "keras", "numpy"))
