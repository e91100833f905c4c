"""Finds batch sizes at which results do not depend on an image's position in the batch or on the batch size.

Some kernels compute the last rows of a batch, or small batches, with different rounding. The result would then depend
on how the set was split into shards. A worker therefore tries the requested size and halves it until shuffled batches
agree to the bit; on machines of the same kind, all workers find the same size. Smaller sizes are used when fewer images
remain, but only sizes whose results equal those of the full size to the bit.

Gradients, in the precision of the run, and logits are tested here. The forward pass to the rivals has the same
operations on the same shapes, so the same sizes apply; tests/unit/core/models/inference/test_rivals.py verifies it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Images
from core.models.inference.classifier import Classifier, predict

_SHUFFLES = 3
_SMALLEST = 2


class Sizable(Classifier, Protocol):
    """A classifier that pads its batches to one of several sizes."""

    sizes: tuple[int, ...]


C = TypeVar("C", bound=Sizable)


def settle(make: Callable[[int], C], wanted: int, image_shape: tuple[int, ...]) -> C:
    """Make the classifier with the largest position-invariant batch size, and set its ``sizes``.

    Args:
        make: builds a classifier for a batch size.
        wanted: the largest batch size to try; it is halved down to 1.
        image_shape: (H, W, C).
    """
    size = wanted
    while True:
        classifier = make(size)
        if size == 1 or position_free(classifier, image_shape):
            classifier.sizes = same_sizes(classifier, image_shape)
            return classifier
        size //= 2


def position_free(classifier: Classifier, image_shape: tuple[int, ...]) -> bool:
    """Whether each image's logits and gradient are the same, to the bit, after the batch is shuffled."""
    images, labels = _sample(classifier, image_shape)
    logits, gradient = classifier.gradient(images, labels, "cross_entropy")
    forward = classifier.logits(images)
    rng = np.random.default_rng(1)
    for _ in range(_SHUFFLES):
        order = rng.permutation(len(images))
        again, moved = classifier.gradient(images[order], labels[order], "cross_entropy")
        if not (
            np.array_equal(again, logits[order])
            and np.array_equal(moved, gradient[order])
            and np.array_equal(classifier.logits(images[order]), forward[order])
        ):
            return False
    return True


def same_sizes(classifier: Sizable, image_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The classifier's batch size and its halves, quarters, ... that give the same results to the bit, ascending."""
    images, labels = _sample(classifier, image_shape)
    full = classifier.batch_size
    classifier.sizes = (full,)
    expected = _in_parts(classifier, images, labels, full)
    found = [full]
    size = full // 2
    while size >= _SMALLEST:
        classifier.sizes = (size, full)
        if all(map(np.array_equal, _in_parts(classifier, images, labels, size), expected)):
            found.append(size)
        size //= 2
    return tuple(sorted(found))


def _in_parts(
    classifier: Classifier, images: Images, labels: NDArray[np.int64], size: int
) -> tuple[NDArray[np.float32], ...]:
    parts = []
    for start in range(0, len(images), size):
        chosen = slice(start, start + size)
        passed = classifier.gradient(images[chosen], labels[chosen], "cross_entropy")
        parts.append((*passed, classifier.logits(images[chosen])))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _sample(classifier: Classifier, image_shape: tuple[int, ...]) -> tuple[Images, NDArray[np.int64]]:
    images = np.random.default_rng(0).random((classifier.batch_size, *image_shape), np.float32)
    return images, predict(classifier, images)
