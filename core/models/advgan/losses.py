"""The terms of the generator's and the discriminator's loss (section 3.2 of the paper): tensors in, a scalar out."""

from __future__ import annotations

from typing import Any


def adversarial(logits: Any, labels: Any, confidence: float) -> Any:
    """The mean of max(z[y] - max(z[j], j != y), -confidence): Carlini and Wagner's margin (2017, section VI-A)."""
    import tensorflow as tf

    own = tf.one_hot(labels, tf.shape(logits)[1], on_value=True, off_value=False, dtype=tf.bool)
    best_other = tf.reduce_max(tf.where(own, -tf.float32.max, logits), axis=1)
    margin = tf.gather(logits, labels, axis=1, batch_dims=1) - best_other
    return tf.reduce_mean(tf.maximum(margin, -confidence))


def deceiving(scores: Any) -> Any:
    """The generator's part of the least squares GAN (Mao et al. 2017): made images should score 1."""
    import tensorflow as tf

    return tf.reduce_mean(tf.square(scores - 1))


def discriminating(real: Any, made: Any) -> Any:
    """The discriminator's part: real images should score 1, made ones 0."""
    import tensorflow as tf

    return tf.reduce_mean(tf.square(real - 1)) + tf.reduce_mean(tf.square(made))


def hinge(change: Any, bound: float) -> Any:
    """The mean of max(||change||_2 - bound, 0) over images (n, H, W, C)."""
    import tensorflow as tf

    # Where nothing changed, the norm itself has no gradient.
    length = tf.sqrt(tf.reduce_sum(tf.square(change), axis=(1, 2, 3)) + 1e-12)
    return tf.reduce_mean(tf.maximum(length - bound, 0))
