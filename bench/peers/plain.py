"""No library: MI-FGSM written directly in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.peers.harness import Array, Loaded, Settings, in_batches, main
from bench.peers.keras_model import load_logits

BATCH = 64  # the fastest of 64, 128, 250 and 500


def load(settings: Settings) -> Loaded:
    import tensorflow as tf

    model = load_logits(settings.model)
    attack = traced_attack(model, settings)

    def attack_arrays(images: Array, labels: Array) -> Array:
        return attack(tf.constant(images), tf.constant(labels)).numpy()

    return Loaded(lambda x: model(x, training=False).numpy(), in_batches(settings.batch, attack_arrays))


def traced_attack(model: Any, settings: Settings) -> Callable[[Any, Any], Any]:
    """The attack on a model that ends in logits, all steps in one function of tensors."""
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def attack(images: Any, labels: Any) -> Any:
        x, memory = images, tf.zeros_like(images)
        lower = tf.maximum(images - settings.epsilon, 0.0)
        upper = tf.minimum(images + settings.epsilon, 1.0)
        for _ in range(settings.steps):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(x)
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model(x, training=False))
            gradient = tape.gradient(loss, x)
            norm = tf.reduce_sum(tf.abs(gradient), axis=(1, 2, 3), keepdims=True)
            memory = settings.decay * memory + gradient / tf.maximum(norm, 1e-12)
            x = tf.clip_by_value(x + settings.step_size * tf.sign(memory), lower, upper)
        return x

    found: Callable[[Any, Any], Any] = attack
    return found


if __name__ == "__main__":
    main(load, BATCH, ("tensorflow", "keras", "numpy"))
