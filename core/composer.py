"""Composes adversarial examples on the spot, for images that nobody prepared."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.assets import Asset
from core.attacks.base import Examples
from core.composition.blend import least_blend
from core.composition.cached import candidate_arrays, embedding_arrays
from core.composition.candidates import Candidates
from core.composition.embedding import Embedding
from core.composition.pictures import pictures_of
from core.composition.search import best_match
from core.models.classifier import KerasClassifier, predict
from core.models.surrogate import load_surrogate, surrogate_file
from core.pixels import Images, on_grid

UNIT = (0.0, 1.0)
_BATCH = 64
_BISECTIONS = 8
_LEVELS = 255


@dataclass(frozen=True)
class Composed:
    """Composed examples of n images.

    images: (n, H, W, C) float32 in 0..1. candidate: (n,), what each was composed with. label: (n,), what the model
    predicts of the image. attack_label: (n,), what it predicts of the example.
    """

    images: Images
    candidate: NDArray[np.int64]
    label: NDArray[np.int64]
    attack_label: NDArray[np.int64]


class Composer:
    """Of the most similar candidate of another label, as little as flips the prediction of a model.

    candidates: a data set (its training images) or an .npz; model: a shipped one or a Keras file. Both are read when
    they are first needed, and kept; the candidates' statistics are computed once on a machine.
    """

    def __init__(self, candidates: str = "fashion-mnist", model: str = "cnn") -> None:
        self.candidates, self.model = candidates, model
        self._ready: dict[tuple[int, ...], tuple[Candidates, Embedding, KerasClassifier]] = {}

    def __call__(self, images: Images) -> Composed:
        """Examples of images (n, H, W, C) in 0..1; raises InputError where candidates or model don't fit them."""
        candidates, embedding, classifier = self._for(images.shape[1:])
        label = predict(classifier, images)
        rows, ssim = best_match(images, label, candidates, embedding)
        blended = np.empty_like(images)
        eight_bit = on_grid(images, UNIT)
        for levels, chosen in ((_LEVELS, np.flatnonzero(eight_bit)), (None, np.flatnonzero(~eight_bit))):
            examples = Examples(images[chosen], label[chosen], chosen, levels=levels)
            others = candidates.floats(rows[chosen])
            blended[chosen] = least_blend(classifier, examples, others, ssim[chosen], _BISECTIONS)
        return Composed(blended, rows, label, predict(classifier, blended))

    def _for(self, shape: tuple[int, ...]) -> tuple[Candidates, Embedding, KerasClassifier]:
        if shape not in self._ready:
            path = surrogate_file(self.model, shape)
            pictures = pictures_of(self.candidates, shape, UNIT)
            asset = Asset(hashlib.sha256(path.read_bytes()).hexdigest(), path)
            self._ready[shape] = (
                Candidates.from_arrays(candidate_arrays(pictures, UNIT), UNIT),
                Embedding.from_arrays(embedding_arrays(pictures, UNIT), UNIT),
                load_surrogate(asset, shape, _BATCH),
            )
        return self._ready[shape]
