"""Adversarial examples of any images: the prepared one where a run of the store has it, a composed one otherwise."""

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
    """Adversarial examples of n images, and where each comes from.

    images: (n, H, W, C) float32 in 0..1.
    run: the id of the run that the example was looked up in, "" where it was composed.
    index: (n,), the image's place in that run's data set, or the candidate that it was composed with.
    label: (n,), the image's label in that run, or what the model predicts of it.
    attack_label: (n,), what the example is predicted as.
    """

    images: Images
    run: list[str]
    index: NDArray[np.int64]
    label: NDArray[np.int64]
    attack_label: NDArray[np.int64]

    @property
    def looked_up(self) -> NDArray[np.bool_]:
        """Which examples were prepared beforehand."""
        return np.array([run != "" for run in self.run], bool)


def generate(images: ArrayLike, shape: Sequence[int] | None = None, store: str | None = None) -> Images:
    """Adversarial examples (n, H, W, C), float32 in 0..1, of n images of any common type and scale.

    shape: what the images are reshaped to, (n, H, W, C) or (H, W, C). store: the folder or URL of runs to look in,
    ``ADVSHARD_STORE`` (or ``runs``) by default; of several complete runs that know an image, the newest answers. An
    image is known by its digest, which is the same as uint8 and as the floats that came from it. The others are
    composed (core.generate.composer). ``find_or_compose`` also says which was which. Raises InputError.
    """
    return find_or_compose(images, shape, store).images


def find_or_compose(
    images: ArrayLike, shape: Sequence[int] | None = None, store: str | None = None, composer: Composer | None = None
) -> Generated:
    """``generate``, with where each example comes from. composer: of the unknown ones; by default Composer()."""
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
