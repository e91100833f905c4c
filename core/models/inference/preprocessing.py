"""Keras's preprocessing between the pixels and the model, as part of the attacked function.

Pixels within the bounds are scaled to 0..255 first, then preprocessed as by
``keras.applications.imagenet_utils.preprocess_input``. Attacks see the pixels alone, so epsilon is in their units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.errors import ConfigError
from core.image.pixels import Bounds, Preprocess

_RGB = 3
# Of ImageNet, per channel: for pixels in 0..1 in the order R, G, B, and for pixels in 0..255 in the order B, G, R.
_MEANS, _DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BGR_MEANS = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class Preprocessing:
    """A function of tensors of images (N, H, W, C).

    Attributes:
        mode: ``tf`` scales to -1..1; ``torch`` normalises by ImageNet's means and deviations; ``caffe`` reverses the
            channels and subtracts ImageNet's means; ``none`` leaves the pixels as they are.
        bounds: lowest and highest pixel value.
    """

    mode: Preprocess = "none"
    bounds: Bounds = (0.0, 1.0)

    def check(self, image_shape: tuple[int, ...]) -> None:
        """Raise ConfigError if images of shape (H, W, C) can't be preprocessed so."""
        if self.mode in {"torch", "caffe"} and image_shape[-1] != _RGB:
            raise ConfigError(
                f"a model for RGB images with --preprocess {self.mode}",
                f"one for {image_shape[-1]} channel{'' if image_shape[-1] == 1 else 's'}",
                "leave --preprocess out, or use --preprocess tf, which takes any channels",
            )

    def __call__(self, x: Any) -> Any:
        """The preprocessed images, differentiable."""
        if self.mode == "none":
            return x
        low, high = self.bounds
        if self.bounds != (0.0, 255.0):
            x = (x - low) * (255 / (high - low))
        if self.mode == "tf":
            return x / 127.5 - 1
        if self.mode == "torch":
            return (x / 255 - _MEANS) / _DEVIATIONS
        return x[..., ::-1] - _BGR_MEANS


NO_PREPROCESSING = Preprocessing()
