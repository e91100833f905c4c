"""One training step of generator and discriminator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.models.advgan.config import GeneratorConfig
from core.models.advgan.losses import adversarial, deceiving, discriminating, hinge

LOSSES = ("adversarial", "deceiving", "hinge", "discriminating")
Logits = Callable[[Any], Any]
"""A model: image tensors (N, H, W, C) to logit tensors (N, classes)."""


def step_function(
    config: GeneratorConfig, logits: Logits, generator: Any, discriminator: Any, steps: int
) -> Callable[[Any, Any], Any]:
    """Build the traced function of one training step.

    Args:
        config: the hyper-parameters.
        logits: the model under attack.
        generator, discriminator: the networks to train.
        steps: the total number of steps, over which the learning rate decays to zero.

    Returns:
        A function of images (n, H, W, C) in 0..1 and labels (n,) that updates both networks and returns the
        ``LOSSES`` before the update, (4,).
    """
    import tensorflow as tf

    generates, judges = (_optimizer(config.learning_rate, steps, model) for model in (generator, discriminator))

    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as generating:
            moved = perturbed(x, generator(x, training=True), config.epsilon)
            attack = adversarial(logits(moved), y, config.confidence)
            deceit = deceiving(discriminator(moved))
            excess = hinge(moved - x, config.hinge)
            total = attack + config.alpha * deceit + config.beta * excess
        with tf.GradientTape() as judging:
            judgement = discriminating(discriminator(x), discriminator(moved))
        generates.apply(generating.gradient(total, generator.trainable_variables))
        judges.apply(judging.gradient(judgement, discriminator.trainable_variables))
        return tf.stack([attack, deceit, excess, judgement])

    shape = generator.inputs[0].shape
    traced: Callable[[Any, Any], Any] = tf.function(
        step, [tf.TensorSpec(shape, tf.float32), tf.TensorSpec((None,), tf.int64)], autograph=False
    )
    return traced


def perturbed(images: Any, directions: Any, epsilon: float) -> Any:
    """Add epsilon times the directions (in -1..1) to images in 0..1, clipped to 0..1; tensors (n, H, W, C)."""
    import tensorflow as tf

    return tf.clip_by_value(images + epsilon * directions, 0.0, 1.0)


def _optimizer(learning_rate: float, steps: int, model: Any) -> Any:
    from keras import optimizers

    optimizer = optimizers.Adam(optimizers.schedules.CosineDecay(learning_rate, steps))
    optimizer.build(model.trainable_variables)
    return optimizer
