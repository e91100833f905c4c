"""The losses whose input gradients a classifier computes, of tensors of logits z (n, classes); n values each."""

from __future__ import annotations

from typing import Any

_FLOOR = 1e-12  # keeps 0 / 0 from becoming NaN where the largest logits are equal


def cross_entropy(z: Any, y: Any) -> Any:
    """-log softmax(z)[y] for labels y (n,)."""
    import tensorflow as tf

    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z)


def margin(z: Any, y: Any) -> Any:
    """max(z[j], j != y) - z[y] for labels y (n,)."""
    import tensorflow as tf

    own = tf.one_hot(y, tf.shape(z)[1], on_value=True, off_value=False, dtype=tf.bool)
    best_other = tf.reduce_max(tf.where(own, tf.float32.min, z), axis=1)
    return best_other - tf.reduce_max(tf.where(own, z, tf.float32.min), axis=1)


def dlr(z: Any, y: Any) -> Any:
    """margin(z, y) / (z[1st] - z[3rd]), with the largest and the third-largest logit; three classes or more."""
    import tensorflow as tf

    largest = _largest(z, 3)
    return margin(z, y) / tf.maximum(largest[0] - largest[2], _FLOOR)


def margin_towards(z: Any, y: Any, t: Any) -> Any:
    """z[t] - z[y] for labels y (n,) and target classes t (n,)."""
    import tensorflow as tf

    return tf.gather(z, t, axis=1, batch_dims=1) - tf.gather(z, y, axis=1, batch_dims=1)


def dlr_towards(z: Any, y: Any, t: Any) -> Any:
    """margin_towards(z, y, t) / (z[1st] - (z[3rd] + z[4th]) / 2); four classes or more."""
    import tensorflow as tf

    largest = _largest(z, 4)
    return margin_towards(z, y, t) / tf.maximum(largest[0] - (largest[2] + largest[3]) / 2, _FLOOR)


def _largest(z: Any, count: int) -> list[Any]:
    """The ``count`` largest logits of each row, largest first."""
    import tensorflow as tf

    found: list[Any] = tf.unstack(tf.math.top_k(z, count).values, axis=1)
    return found
