"""A batch size at which an image's bits depend neither on its slot nor on its neighbours.

Some kernels treat the last few rows of a batch apart. Then the result would depend on how the set
was cut. So a worker tries the wanted size, and halves of it, until shuffled batches agree to the bit;
on machines of one kind all workers come to the same size.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.models.classifier import Classifier

_SHUFFLES = 3


def position_free(classifier: Classifier, image_shape: tuple[int, ...]) -> bool:
    """Whether logits and gradients of shuffled batches are the same bits, shuffled."""
    rng = np.random.default_rng(0)
    count = classifier.batch_size
    images = rng.random((count, *image_shape), np.float32)
    labels = classifier.logits(images).argmax(axis=1).astype(np.int64)
    logits, gradient = classifier.gradient(images, labels, "cross_entropy")
    for _ in range(_SHUFFLES):
        order = rng.permutation(count)
        again, moved = classifier.gradient(images[order], labels[order], "cross_entropy")
        forward = classifier.logits(images[order])
        if not (
            np.array_equal(again, logits[order])
            and np.array_equal(moved, gradient[order])
            and np.array_equal(forward, classifier.logits(images)[order])
        ):
            return False
    return True


def settle(make: Callable[[int], Classifier], wanted: int, image_shape: tuple[int, ...]) -> Classifier:
    """The classifier with the largest position-free batch size among wanted, wanted / 2, ..., 1."""
    size = wanted
    while True:
        classifier = make(size)
        if size == 1 or position_free(classifier, image_shape):
            return classifier
        size //= 2
