"""Image composition: the image, blended with the most similar picture of another label."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.attacks.base import Attack, Attacked, Examples
from core.attacks.boundary.blend import fixed_blend, least_blend
from core.composition.candidate_predictions import candidate_classes
from core.composition.candidates import Candidates
from core.composition.disk_cache import WORTH_EMBEDDING, candidate_arrays, embedding_arrays
from core.composition.embedding import Embedding
from core.composition.search import Found, best_match, sampled_match
from core.composition.sources import pictures_of
from core.datasets.base import ImageSet
from core.image.pixels import Bounds
from core.models.inference.classifier import Classifier
from core.models.inference.surrogate import load_surrogate, surrogate_file
from core.registry import ATTACKS, DATASETS
from core.runtime.asset import Asset
from core.runtime.memory_cache import array_bytes, cached

_EMBEDDING = "embedding "  # before the names of its arrays
_SURROGATE = "surrogate"


@ATTACKS.register("composition")
class Composition(Attack):
    """x <- alpha * x + beta * y + gamma, y the candidate of another label with the highest SSIM to x.

    In the source experiment there are k = 150 random candidates (``search=sampled``), and alpha = 1 / (3.25 + SSIM),
    beta = 1 - alpha (``blend=fixed``). By default the search is exact over all candidates, y is also predicted as
    another class, and its share is the smallest that flips the prediction, found by a search along the segment between
    x and y; where there is no such candidate, the shares are fixed.

    Cost: no gradient; a search of some milliseconds per image; with ``blend=least`` at most two forward passes per
    bisection, usually fewer than one; and in each worker one forward pass per candidate. Choose it where the model is
    unknown: then a ``surrogate`` decides.
    """

    targetable: ClassVar[bool] = False
    heavy: ClassVar[bool] = True

    candidates: str | None = Field(
        None,
        description="an image set (a registered one's training images); the attacked one's, or itself, if not given",
    )
    search: Literal["all", "sampled"] = Field(
        "all", description="among all candidates, exactly, or among k random ones"
    )
    k: int = Field(150, ge=1, description="how many random candidates")
    blend: Literal["least", "fixed"] = Field(
        "least", description="as little of y as flips the prediction, or fixed shares"
    )
    gamma: float = Field(0.0, description="what fixed shares add to every pixel")
    bisections: int = Field(8, ge=1, le=24, description="of the least blend")
    surrogate: str | None = Field(
        None,
        description="model whose prediction is to flip, a shipped one or a Keras file; the attacked one if not given",
    )

    def prepare(
        self,
        images: ImageSet,
        bounds: Bounds,
        model: str,  # noqa: ARG002 - Attack's signature
    ) -> dict[str, NDArray[Any] | Path]:
        """The candidates with their statistics, and the surrogate. See Attack."""
        pictures, found = self._pictures(images, bounds), dict[str, NDArray[Any] | Path]()
        found.update(candidate_arrays(pictures, bounds))
        if self.search == "all" and len(images.images) >= WORTH_EMBEDDING:
            found.update({_EMBEDDING + name: array for name, array in embedding_arrays(pictures, bounds).items()})
        if self.surrogate is not None:
            found[_SURROGATE] = surrogate_file(self.surrogate, images.images.shape[1:])
        return found

    def _pictures(self, images: ImageSet, bounds: Bounds) -> ImageSet:
        shape = images.images.shape[1:]
        if self.candidates is not None:
            return pictures_of(self.candidates, shape, bounds)
        if images.name in DATASETS and hasattr(DATASETS[images.name], "load_train"):
            return pictures_of(images.name, shape, bounds)
        return images

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:
        """See Attack. Passes of the surrogate count if there is one; passes of the candidates do not."""
        candidates = _candidates(examples)
        if self.blend == "fixed":
            rows, ssim = self._search(examples, candidates, None)
            images = fixed_blend(examples.images, candidates.floats(rows), ssim, examples.bounds, self.gamma)
            return Attacked.start(images)
        if _SURROGATE in examples.assets:
            shape = examples.images.shape[1:]
            classifier = load_surrogate(examples.assets[_SURROGATE], shape, classifier.batch_size)
        rows, ssim = self._search(examples, candidates, candidate_classes(classifier, candidates))
        blended = least_blend(classifier, examples, candidates.floats(rows), ssim, self.bisections)
        return replace(Attacked.start(blended.images), forward_passes=blended.forward_passes)

    def _search(self, examples: Examples, candidates: Candidates, classes: NDArray[np.int64] | None) -> Found:
        queries, labels = examples.images, examples.labels
        if self.search == "sampled":
            return sampled_match(queries, labels, candidates, self.k, examples.seed, examples.indices, classes)
        return best_match(queries, labels, candidates, _embedding(examples), classes)


def _candidates(examples: Examples) -> Candidates:
    plain = {name: asset for name, asset in examples.assets.items() if not name.startswith(_EMBEDDING)}
    plain.pop(_SURROGATE, None)

    def load() -> tuple[Candidates, int]:
        found = Candidates.from_arrays(_arrays(plain), examples.bounds)
        return found, array_bytes(*found.arrays().values())

    return cached(("candidates", examples.bounds, *_digests(plain)), load)


def _embedding(examples: Examples) -> Embedding | None:
    assets = {
        name.removeprefix(_EMBEDDING): asset for name, asset in examples.assets.items() if name.startswith(_EMBEDDING)
    }
    if not assets:
        return None

    def load() -> tuple[Embedding, int]:
        found = Embedding.from_arrays(_arrays(assets), examples.bounds)
        # The landmarks' pixels, means and variances are made of it in double precision.
        return found, array_bytes(*found.arrays().values()) + 3 * 8 * found.landmarks.size

    return cached(("embedding", examples.bounds, *_digests(assets)), load)


def _digests(assets: dict[str, Asset]) -> list[str]:
    return [f"{name} {asset.sha256}" for name, asset in sorted(assets.items())]


def _arrays(assets: dict[str, Asset]) -> dict[str, NDArray[Any]]:
    return {name: asset.array() for name, asset in assets.items()}
