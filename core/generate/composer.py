"""Composes adversarial examples for images that are in no run: blends with the most similar candidate."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.attacks.base import Examples
from core.attacks.boundary.blend import least_blend
from core.composition.candidate_predictions import candidate_classes
from core.composition.candidates import Candidates
from core.composition.disk_cache import candidate_arrays, embedding_arrays, has_embedding
from core.composition.embedding import Embedding
from core.composition.search import best_match
from core.composition.sources import pictures_of
from core.datasets.base import ImageSet
from core.image.pixels import Images, on_grid
from core.models.inference.classifier import KerasClassifier, predict
from core.models.inference.surrogate import load_surrogate, surrogate_file
from core.registry import DEFAULT_DATASET, DEFAULT_MODEL
from core.runtime.asset import Asset

UNIT = (0.0, 1.0)
_BATCH = 64
_BISECTIONS = 8
_WORTH_EMBEDDING = 200  # images per process; from then on, computing the embedding pays off
_LEVELS = 255


@dataclass(frozen=True)
class Composed:
    """Composed adversarial examples of n images.

    images: the examples, (n, H, W, C) float32 in 0..1. candidate: (n,), the index of each image's candidate.
    label: (n,), the model's prediction for the clean image. attack_label: (n,), its prediction for the example.
    """

    images: Images
    candidate: NDArray[np.int64]
    label: NDArray[np.int64]
    attack_label: NDArray[np.int64]


class Composer:
    """Blends each image with the most similar candidate of another label, just enough to flip the prediction.

    The candidate's predicted class differs too, if any such candidate exists. Candidates and model are loaded on first
    use and cached. The candidates' embedding speeds up the search without changing results. It is computed once per
    machine, which takes one to two minutes for 60,000 images: by ``warm_up``, or after 200 images without it.

    Args:
        candidates: a data set, whose training images are used, or an .npz file.
        model: the name of a shipped model, or a Keras file.
    """

    def __init__(self, candidates: str = DEFAULT_DATASET, model: str = DEFAULT_MODEL) -> None:
        self.candidates, self.model = candidates, model
        self._kits: dict[tuple[int, ...], _Kit] = {}

    def warm_up(self, shape: tuple[int, ...] = (28, 28, 1)) -> None:
        """Load model and candidates and compute the embedding, for images of this shape (H, W, C).

        Raises:
            InputError: candidates or model are missing, invalid or of another shape.
        """
        kit = self._kit(shape)
        kit.embed()
        candidate_classes(kit.classifier, kit.candidates)

    def __call__(self, images: Images) -> Composed:
        """Compose adversarial examples of images (n, H, W, C) in 0..1.

        Raises:
            InputError: candidates or model are missing, invalid or of another shape.
        """
        kit = self._kit(images.shape[1:])
        kit.composed += len(images)
        if kit.composed >= _WORTH_EMBEDDING:
            kit.embed()
        label = predict(kit.classifier, images)
        classes = candidate_classes(kit.classifier, kit.candidates)
        rows, ssim = best_match(images, label, kit.candidates, kit.embedding, classes)
        blended = np.empty_like(images)
        eight_bit = on_grid(images, UNIT)
        for levels, chosen in ((_LEVELS, np.flatnonzero(eight_bit)), (None, np.flatnonzero(~eight_bit))):
            examples = Examples(images[chosen], label[chosen], chosen, levels=levels)
            others = kit.candidates.floats(rows[chosen])
            least = least_blend(kit.classifier, examples, others, ssim[chosen], _BISECTIONS)
            blended[chosen] = least.images
        return Composed(blended, rows, label, predict(kit.classifier, blended))

    def _kit(self, shape: tuple[int, ...]) -> _Kit:
        if shape not in self._kits:
            path = surrogate_file(self.model, shape)
            pictures = pictures_of(self.candidates, shape, UNIT)
            asset = Asset(hashlib.sha256(path.read_bytes()).hexdigest(), path)
            candidates = Candidates.from_arrays(candidate_arrays(pictures, UNIT), UNIT)
            self._kits[shape] = _Kit(pictures, candidates, load_surrogate(asset, shape, _BATCH))
            if has_embedding(pictures, UNIT):
                self._kits[shape].embed()
        return self._kits[shape]


@dataclass
class _Kit:
    """The candidates and the model for one image shape. composed: the number of images composed so far."""

    pictures: ImageSet
    candidates: Candidates
    classifier: KerasClassifier
    embedding: Embedding | None = None
    composed: int = 0

    def embed(self) -> None:
        if self.embedding is None:
            self.embedding = Embedding.from_arrays(embedding_arrays(self.pictures, UNIT), UNIT)
