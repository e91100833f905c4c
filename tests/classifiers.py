"""Classifiers whose gradients are known by hand: no TensorFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Images
from core.models.inference.classifier import Classifier, Loss, TargetedLoss

SHAPE = (2, 2, 1)
Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class LinearClassifier:
    """Logits W x + b, of flattened images of any shape."""

    exact = True

    def __init__(
        self, weights: NDArray[np.float64], bias: NDArray[np.float64] | None = None, batch_size: int = 4
    ) -> None:
        self.weights = weights
        self.bias = np.zeros(len(weights)) if bias is None else bias
        self.batch_size = batch_size
        self.sizes: tuple[int, ...] = (batch_size,)
        self.classes = len(weights)
        self.passes = 0

    def logits(self, images: Images) -> NDArray[np.float32]:
        flat = images.reshape(len(images), self.weights.shape[1]).astype(np.float64)
        # One row at a time, so that no kernel can make a row depend on the others.
        return np.array([self.weights @ row + self.bias for row in flat], np.float32).reshape(len(images), self.classes)

    def gradient(self, images: Images, labels: NDArray[np.int64], loss: Loss) -> tuple[NDArray[np.float32], Images]:
        assert 0 < len(images) <= self.batch_size
        self.passes += 1
        z = self.logits(images).astype(np.float64)
        own = np.eye(self.classes)[labels]
        if loss == "cross_entropy":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            return self._back(z, e / e.sum(axis=1, keepdims=True) - own, images)
        rival = np.where(own, -np.inf, z).argmax(axis=1)
        return self._back(z, margin_upstream(z, labels, rival, loss, (0, 0, 1)), images)

    def towards(
        self, images: Images, labels: NDArray[np.int64], targets: NDArray[np.int64], loss: TargetedLoss
    ) -> tuple[NDArray[np.float32], Images]:
        assert 0 < len(images) <= self.batch_size
        self.passes += 1
        z = self.logits(images).astype(np.float64)
        return self._back(z, margin_upstream(z, labels, targets, loss, (0, 0, 0.5, 0.5)), images)

    def _back(
        self, z: NDArray[np.float64], upstream: NDArray[np.float64], images: Images
    ) -> tuple[NDArray[np.float32], Images]:
        rows = [row @ self.weights for row in upstream]
        return z.astype(np.float32), np.array(rows, np.float32).reshape(images.shape)

    def rivals(
        self, images: Images, labels: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], Images]:
        assert 0 < len(images) <= self.batch_size
        self.passes += 1
        z = self.logits(images)
        found = largest_others(z, labels, count)
        w = self.weights[found] - self.weights[labels][:, None]
        return z, found, w.astype(np.float32).reshape(len(images), count, *images.shape[1:])


class ScriptedClassifier:
    """Never flips; its gradient is a function of the image alone."""

    exact = True

    def __init__(self, gradient_of: Callable[[Images], NDArray[np.float32]], batch_size: int = 4) -> None:
        self.gradient_of = gradient_of
        self.batch_size = batch_size
        self.classes = 2

    def logits(self, images: Images) -> NDArray[np.float32]:
        return np.tile(np.array([[1, 0]], np.float32), (len(images), 1))

    def gradient(self, images: Images, labels: NDArray[np.int64], loss: Loss) -> tuple[NDArray[np.float32], Images]:
        return self.logits(images), np.stack([self.gradient_of(image) for image in images])

    def towards(
        self, images: Images, labels: NDArray[np.int64], targets: NDArray[np.int64], loss: TargetedLoss
    ) -> tuple[NDArray[np.float32], Images]:
        return self.gradient(images, labels, "margin")

    def rivals(
        self, images: Images, labels: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], Images]:
        z, gradient = self.gradient(images, labels, "margin")
        return z, largest_others(z, labels, count), gradient[:, None]


class SmoothClassifier:
    """Class 1 where f > 0, for functions f of flattened images (n, d) and their gradients; notes where it is asked.

    differentiated, evaluated: the points of ``gradient`` and of ``logits``, in their order.
    """

    exact = True

    def __init__(self, f: Function, df: Function, batch_size: int = 4) -> None:
        self.f, self.df, self.batch_size, self.classes = f, df, batch_size, 2
        self.differentiated: list[Images] = []
        self.evaluated: list[Images] = []

    def logits(self, images: Images) -> NDArray[np.float32]:
        self.evaluated.extend(images.copy())
        return self.scores(images)

    def scores(self, images: Images) -> NDArray[np.float32]:
        value = self.f(_flat(images))
        return np.stack([np.zeros_like(value), value], axis=1).astype(np.float32)

    def gradient(self, images: Images, labels: NDArray[np.int64], loss: Loss) -> tuple[NDArray[np.float32], Images]:
        self.differentiated.extend(images.copy())
        z = self.scores(images)
        away = np.where(labels == 0, 1.0, -1.0)
        margin = away * z[:, 1].astype(np.float64)
        share = 1 / (1 + np.exp(-margin)) if loss == "cross_entropy" else np.ones(len(z))
        found = (away * share)[:, None] * self.df(_flat(images))
        return z, found.reshape(images.shape).astype(np.float32)

    def towards(
        self, images: Images, labels: NDArray[np.int64], targets: NDArray[np.int64], loss: TargetedLoss
    ) -> tuple[NDArray[np.float32], Images]:
        return self.gradient(images, labels, "margin")

    def rivals(
        self, images: Images, labels: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], Images]:
        z, gradient = self.gradient(images, labels, "margin")
        return z, largest_others(z, labels, count), gradient[:, None]


class CountingClassifier:
    """Counts the passes of each image of ``tagged`` through another classifier."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier, self.batch_size, self.classes = classifier, classifier.batch_size, classifier.classes
        self.exact = classifier.exact
        self.forward: Counter[int] = Counter()
        self.backward: Counter[int] = Counter()

    def logits(self, images: Images) -> NDArray[np.float32]:
        self.forward.update(tags(images))
        return self.classifier.logits(images)

    def gradient(self, images: Images, labels: NDArray[np.int64], loss: Loss) -> tuple[NDArray[np.float32], Images]:
        self.forward.update(tags(images))
        self.backward.update(tags(images))
        return self.classifier.gradient(images, labels, loss)

    def towards(
        self, images: Images, labels: NDArray[np.int64], targets: NDArray[np.int64], loss: TargetedLoss
    ) -> tuple[NDArray[np.float32], Images]:
        self.forward.update(tags(images))
        self.backward.update(tags(images))
        return self.classifier.towards(images, labels, targets, loss)

    def rivals(
        self, images: Images, labels: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], Images]:
        self.forward.update(tags(images))
        self.backward.update(count * tags(images))
        return self.classifier.rivals(images, labels, count)


def margin_upstream(
    z: NDArray[np.float64],
    labels: NDArray[np.int64],
    rivals: NDArray[np.int64],
    loss: Loss,
    lower: tuple[float, ...],
) -> NDArray[np.float64]:
    """The derivatives (n, classes) of N = z[rival] - z[y], or of N / D, by the logits z.

    D is the largest logit minus the mean of the ranks that ``lower`` weighs, from the largest on.
    """
    found = np.empty_like(z)
    for row, (y, k) in enumerate(zip(labels, rivals, strict=True)):
        eye, ranks = np.eye(len(z[row])), np.argsort(-z[row], kind="stable")
        numerator = eye[k] - eye[y]
        if loss == "margin":
            found[row] = numerator
            continue
        denominator = eye[ranks[0]] - sum(share * eye[rank] for share, rank in zip(lower, ranks, strict=False))
        n, d = z[row] @ numerator, z[row] @ denominator
        found[row] = numerator / d - n / d**2 * denominator
    return found


_TAGS = 12


def tagged(count: int, seed: int = 0, side: int = 3) -> Images:
    """At most 12 images (count, side, side, 1), whose third row holds the number of each in every pixel."""
    images = np.random.default_rng(seed).random((count, side, side, 1), np.float32)
    images[:, 2] = (np.arange(count) / _TAGS)[:, None, None]
    return images


def tags(images: Images) -> list[int]:
    """The numbers of tagged images, of which one pixel may have been changed, and all by less than 1 / 24."""
    return [round(_TAGS * float(np.median(each[2]))) for each in images]


def tagged_classifier(batch_size: int, seed: int = 1, side: int = 3) -> LinearClassifier:
    """Four classes, linear, blind to the third row, in which tagged images have their numbers."""
    rng = np.random.default_rng(seed)
    weights = 3 * rng.normal(size=(4, side * side))
    weights[:, 2 * side : 3 * side] = 0
    return LinearClassifier(weights, -weights.sum(axis=1) / 2, batch_size)


def _flat(images: Images) -> NDArray[np.float64]:
    return images.reshape(len(images), int(np.prod(images.shape[1:]))).astype(np.float64)


def largest_others(z: NDArray[np.float32], labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The classes (n, count) of the largest logits besides the label, largest first."""
    others = np.where(np.eye(z.shape[1], dtype=bool)[labels], -np.inf, z)
    return np.argsort(-others, axis=1, kind="stable")[:, :count]


def image(*pixels: float) -> Images:
    """One image of SHAPE."""
    return np.array(pixels, np.float32).reshape(1, *SHAPE)
