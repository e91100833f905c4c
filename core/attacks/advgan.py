"""advGAN (Xiao et al. 2018, arXiv 1801.02610, section 3.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.attacks.base import Attack, Attacked, Examples, Passes
from core.attacks.boundary.step_back import passes_back, step_back
from core.attacks.gradient.norms import ball
from core.datasets.base import ImageSet
from core.image.pixels import Bounds, Images
from core.models.advgan.card import find_generator, generator_against
from core.models.advgan.directions import Directions
from core.models.inference.classifier import Classifier
from core.registry import ATTACKS
from core.runtime.memory_cache import cached


@ATTACKS.register("advgan")
class AdvGAN(Attack):
    """x <- clip(x + epsilon * G(x)), the generator G trained beforehand against a model, its output in -1..1.

    Cost: one forward pass of G, two of the classifier and two or three more to step back; no
    gradient. Training G takes minutes: ``train --model advgan --against NAME|PATH``. Choose it where
    gradients are not available at the time of the attack, as from a model that can only be queried (the
    paper's semi-whitebox setting), or to see what one network can learn about all images at once.
    """

    relative_to_range: ClassVar[tuple[str, ...]] = ("epsilon",)
    targetable: ClassVar[bool] = False

    generator: str | None = Field(
        None, description="a shipped generator or a Keras file; the one shipped for the attacked model if not given"
    )
    epsilon: float = Field(
        20 / 255, gt=0, description="largest change of a pixel (L-infinity); best what G was trained with"
    )
    step_back: int = Field(
        6, ge=0, le=24, description="bisections back towards the clean image, while the goal stays reached"
    )

    def prepare(
        self,
        images: ImageSet,
        bounds: Bounds,  # noqa: ARG002 - Attack's signature
        model: str,
    ) -> dict[str, NDArray[Any] | Path]:
        """The generator's file; raises InputError if there is none or it takes images of another shape."""
        generator = self.generator or generator_against(model)
        return {"generator": find_generator(generator, images.images.shape[1:])}

    def passes_at_most(self, classes: int) -> Passes:  # noqa: ARG002 - Attack's signature
        """See Attack."""
        return Passes(1 + (1 + passes_back(self.step_back) if self.step_back else 0), 0)

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:
        """See Attack. Needs the asset ``generator``; images that are misclassified already stay unchanged."""
        attacked = Attacked.start(examples.images)
        images, forward = attacked.images, attacked.forward_passes
        logits = classifier.logits(images)
        forward += 1
        rows = np.flatnonzero(~examples.reached(logits.argmax(axis=1)))
        images[rows], attacked.vanished[rows] = self.moved(examples.take(rows))
        attacked.steps[rows] = 1
        if self.step_back:
            moved = classifier.logits(images[rows])
            forward[rows] += 1
            margins = np.stack([examples.margins(logits[rows], rows), examples.margins(moved, rows)])
            flipped = examples.reached(moved.argmax(axis=1), rows)
            rows, margins = rows[flipped], margins[:, flipped]
            stepped = step_back(classifier, examples.take(rows), images[rows], self.step_back, margins)
            images[rows] = stepped.images
            forward[rows] += stepped.forward_passes
        return attacked

    def moved(self, examples: Examples) -> tuple[Images, NDArray[np.bool_]]:
        """The generator's images.

        Args:
            examples: n examples.

        Returns:
            The images (n, H, W, C) within the epsilon ball, and for which of them (n,) the generator's output has no
            finite value.
        """
        clean, asset = examples.images, examples.assets["generator"]
        shape = clean.shape[1:]
        directions = cached(("advgan", asset.sha256, shape), lambda: _load(asset.path, shape))
        low, high = np.float32(examples.bounds[0]), np.float32(examples.bounds[1])
        found = directions((clean - low) / (high - low))
        usable = np.isfinite(found)
        change = np.float32(self.epsilon) * np.where(usable, found, np.float32(0))
        moved = np.clip(clean + change, *ball(clean, self.epsilon, examples.bounds))
        return moved, np.asarray(~usable.any(axis=(1, 2, 3)))


def _load(path: Path, shape: tuple[int, ...]) -> tuple[Directions, int]:
    directions = Directions(path, shape)
    return directions, directions.memory
