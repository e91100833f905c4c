"""The batch sizes at which an image's bits depend neither on its place nor on the size.

Some kernels treat the last few rows of a batch apart, or few rows otherwise than many. Then the result
would depend on how the set was cut. So a worker tries the wanted size, and halves of it, until shuffled
batches agree to the bit; on machines of one kind all workers come to the same size. Smaller sizes serve
where fewer images are left, and only those that give the same bits as that one.

What is tried is the gradient. The pass to the rivals has the same operations on the same shapes, so it
has the same sizes; tests/unit/core/models/inference/test_rivals.py tries it.
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
    """A classifier whose passes fill up to one of some sizes."""

    sizes: tuple[int, ...]


C = TypeVar("C", bound=Sizable)


def settle(make: Callable[[int], C], wanted: int, image_shape: tuple[int, ...]) -> C:
    """The classifier with the largest position-free batch size among wanted, wanted / 2, ..., 1, and its sizes."""
    size = wanted
    while True:
        classifier = make(size)
        if size == 1 or position_free(classifier, image_shape):
            classifier.sizes = same_sizes(classifier, image_shape)
            return classifier
        size //= 2


def position_free(classifier: Classifier, image_shape: tuple[int, ...]) -> bool:
    """Whether logits and gradients of shuffled batches are the same bits, shuffled."""
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
    """The batch size and those of its halves, quarters, ... that give each image the same bits, ascending."""
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
