"""The loss terms of generator and discriminator (section 3.2 of the paper), each a scalar tensor."""

from __future__ import annotations

from typing import Any


def adversarial(logits: Any, labels: Any, confidence: float) -> Any:
    """Mean of max(z[y] - max(z[j], j != y), -confidence), the margin loss of Carlini and Wagner (2017, section VI-A).

    Args:
        logits: z, (n, classes).
        labels: y, (n,).
        confidence: the margin, in logits, beyond which the loss is constant.
    """
    import tensorflow as tf

    own = tf.one_hot(labels, tf.shape(logits)[1], on_value=True, off_value=False, dtype=tf.bool)
    best_other = tf.reduce_max(tf.where(own, -tf.float32.max, logits), axis=1)
    margin = tf.gather(logits, labels, axis=1, batch_dims=1) - best_other
    return tf.reduce_mean(tf.maximum(margin, -confidence))


def deceiving(scores: Any) -> Any:
    """The generator's least squares GAN loss (Mao et al. 2017) of the scores (n, 1) of generated images; target 1."""
    import tensorflow as tf

    return tf.reduce_mean(tf.square(scores - 1))


def discriminating(real: Any, made: Any) -> Any:
    """The discriminator's least squares GAN loss of the scores (n, 1) of real (target 1) and generated images (0)."""
    import tensorflow as tf

    return tf.reduce_mean(tf.square(real - 1)) + tf.reduce_mean(tf.square(made))


def hinge(change: Any, bound: float) -> Any:
    """Mean of max(||change||_2 - bound, 0) over the perturbations (n, H, W, C)."""
    import tensorflow as tf

    # The norm has no gradient at 0.
    length = tf.sqrt(tf.reduce_sum(tf.square(change), axis=(1, 2, 3)) + 1e-12)
    return tf.reduce_mean(tf.maximum(length - bound, 0))
