"""Noise, independent of the model: the baseline of every attack."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from pydantic import Field

from core.attacks.base import Attack, Attacked, Examples, Passes
from core.image.pixels import Bounds, Images, to_float, to_uint8
from core.models.inference.classifier import Classifier
from core.registry import ATTACKS
from core.rng import image_rng


class Noise(Attack):
    """Adds noise to every image, whatever its prediction. A subclass draws the noise."""

    targetable: ClassVar[bool] = False

    def noisy(self, image: Images, rng: np.random.Generator, bounds: Bounds) -> Images:
        """A noisy copy of one image.

        Args:
            image: (H, W, C) within the bounds.
            rng: the image's random numbers.
            bounds: lowest and highest pixel value.
        """
        raise NotImplementedError

    def passes_at_most(self, classes: int) -> Passes:  # noqa: ARG002 - Attack's signature
        """See Attack."""
        return Passes(0, 0)

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:  # noqa: ARG002 - Attack's signature
        """See Attack."""
        attacked, bounds = Attacked.start(examples.images), examples.bounds
        for place, index in enumerate(examples.indices):
            attacked.images[place] = self.noisy(examples.images[place], image_rng(examples.seed, int(index)), bounds)
        if examples.levels is not None:
            attacked.images[:] = to_float(to_uint8(attacked.images, bounds), bounds)
        return attacked


@ATTACKS.register("salt-pepper")
class SaltPepper(Noise):
    """x[p] <- the lowest or the highest value, with equal probability and in all channels, at random pixels p.

    The pixels are drawn without replacement (Gonzalez and Woods, Digital Image Processing, section 5.2, impulse noise).
    Cost: no pass. Choose it as a baseline: where an attack flips predictions and noise of the same size does not, the
    model is weak in the worst case only.
    """

    share: float = Field(0.18, ge=0, le=1, description="share of the pixels that are replaced")

    def noisy(self, image: Images, rng: np.random.Generator, bounds: Bounds) -> Images:
        """See Noise."""
        pixels = image.reshape(-1, image.shape[-1]).copy()
        chosen = rng.permutation(len(pixels))[: round(self.share * len(pixels))]
        pixels[chosen] = np.where(rng.random(len(chosen)) < 0.5, bounds[0], bounds[1])[:, None]
        return pixels.reshape(image.shape)


@ATTACKS.register("gaussian")
class Gaussian(Noise):
    """x <- clip(x + n), with n normal and independent for each value.

    Gonzalez and Woods, Digital Image Processing, section 5.2. Cost: no pass. Choose it as a baseline like
    ``salt-pepper``, for small changes of all pixels instead of large changes of a few.
    """

    mean: float = Field(0.0, description="mean of the noise; 1 is the extent of the bounds")
    variance: float = Field(0.01, ge=0, description="variance of the noise; 1 is the extent of the bounds, squared")

    def noisy(self, image: Images, rng: np.random.Generator, bounds: Bounds) -> Images:
        """See Noise."""
        low, high = bounds
        noise = self.mean + math.sqrt(self.variance) * rng.standard_normal(image.shape)
        return np.clip(image + (high - low) * noise, low, high).astype(np.float32)
