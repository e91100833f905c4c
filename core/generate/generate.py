"""Generates adversarial examples: looked up in the runs of a store where possible, composed otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.generate.composer import Composer
from core.generate.lookup import Library
from core.image.coerce import as_images
from core.image.digest import digests
from core.image.pixels import Images
from core.runtime.settings import settings


@dataclass(frozen=True)
class Generated:
    """Adversarial examples of n images and their origin.

    images: the examples, (n, H, W, C) float32 in 0..1.
    run: the id of the run that has the example, "" for composed ones.
    index: (n,), the image's index in that run's data set, or the index of the candidate it was composed with.
    label: (n,), the image's label in that run (-1 if that has no labels), or the model's prediction for it.
    attack_label: (n,), the prediction for the example.
    """

    images: Images
    run: list[str]
    index: NDArray[np.int64]
    label: NDArray[np.int64]
    attack_label: NDArray[np.int64]

    @property
    def looked_up(self) -> NDArray[np.bool_]:
        """Which examples were found in a run, (n,)."""
        return np.array([run != "" for run in self.run], bool)


def generate(images: ArrayLike, shape: Sequence[int] | None = None, store: str | None = None) -> Images:
    """Generate adversarial examples of n images.

    An image is looked up by its digest, which is the same for uint8 and the equivalent floats, in all complete runs of
    the store; the newest run that has it is used. Other images are composed (core.generate.composer).
    ``find_or_compose`` also returns each example's origin.

    Args:
        images: integers in 0..255, or floats in 0..1 or 0..255.
        shape: reshape the images to (n, H, W, C), or to images of shape (H, W, C).
        store: folder or URL of the runs; by default ``ADVSHARD_STORE``, or ``runs``.

    Returns:
        The examples, (n, H, W, C) float32 in 0..1.

    Raises:
        InputError: the images are invalid, or don't fit the candidates or the model.
    """
    return find_or_compose(images, shape, store).images


def find_or_compose(
    images: ArrayLike, shape: Sequence[int] | None = None, store: str | None = None, composer: Composer | None = None
) -> Generated:
    """``generate``, with the origin of each example.

    Args:
        images, shape, store: as for ``generate``.
        composer: for images that are in no run; by default ``Composer()``.
    """
    clean = as_images(images, shape)
    count = len(clean)
    found = Generated(
        clean.copy(), [""] * count, *(np.full(count, -1, np.int64) for _ in ("index", "label", "attack_label"))
    )
    _look_up(clean, found, store or settings().store)
    unknown = np.flatnonzero(~found.looked_up)
    if len(unknown):
        composed = (composer or _default_composer())(clean[unknown])
        found.images[unknown], found.index[unknown] = composed.images, composed.candidate
        found.label[unknown], found.attack_label[unknown] = composed.label, composed.attack_label
    return found


def _look_up(clean: Images, found: Generated, store: str) -> None:
    names = digests(clean)
    left = np.arange(len(clean))
    for known in _library(store).runs():
        if not len(left):
            return
        rows = known.index.first_rows([names[place] for place in left])
        here, rows = left[rows >= 0], rows[rows >= 0]
        left = np.setdiff1d(left, here, assume_unique=True)
        if not len(here):
            continue
        found.images[here] = known.examples(rows)
        found.index[here], found.label[here] = known.index.index[rows], known.index.label[rows]
        found.attack_label[here] = known.index.attack_label[rows]
        for place in here:
            found.run[place] = known.manifest.run_id


@cache
def _library(store: str) -> Library:
    return Library(store)


@cache
def _default_composer() -> Composer:
    return Composer()
