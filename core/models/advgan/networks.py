"""The generator and discriminator networks, after appendix A of the paper, for images of any size."""

from __future__ import annotations

from functools import partial
from typing import Any

_STRIDES = 4  # the factor by which the encoder reduces height and width
_BLOCKS = 2


def build_generator(image_shape: tuple[int, ...], width: int) -> Any:
    """Build an untrained keras.Model from images in 0..1 to perturbation directions in -1..1, both (N, H, W, C).

    An encoder, residual blocks and a decoder, with additive skip connections at equal resolutions.

    Args:
        image_shape: (H, W, C).
        width: the number of channels at full resolution.
    """
    from keras import Input, Model, layers

    missing = tuple((0, -side % _STRIDES) for side in image_shape[:2])
    down, up = partial(layers.Conv2D, padding="same"), partial(layers.Conv2DTranspose, padding="same")
    images = Input(image_shape)
    full = _activated(down(width, 3, use_bias=False), layers.ZeroPadding2D(missing)(images))
    half = _activated(down(2 * width, 3, 2, use_bias=False), full)
    x = _activated(down(4 * width, 3, 2, use_bias=False), half)
    for _ in range(_BLOCKS):
        inner = _activated(down(4 * width, 3, use_bias=False), x)
        x = layers.add([x, _normalised(down(4 * width, 3, use_bias=False), inner)])
    x = layers.add([half, _activated(up(2 * width, 3, 2, use_bias=False), x)])
    x = layers.add([full, _activated(up(width, 3, 2, use_bias=False), x)])
    x = down(image_shape[2], 3, activation="tanh")(x)
    return Model(images, layers.Cropping2D(missing)(x), name="generator")


def build_discriminator(image_shape: tuple[int, ...], width: int) -> Any:
    """Build an untrained keras.Model from images (N, H, W, C) to scores (N, 1): 1 for real, 0 for generated images.

    Args:
        image_shape: (H, W, C).
        width: the number of channels of the first convolution.
    """
    from keras import Input, Sequential, layers

    convolutions = [layers.Conv2D(width << doublings, 4, 2, padding="same") for doublings in range(3)]
    activated = [layer for convolution in convolutions for layer in (convolution, layers.LeakyReLU(0.2))]
    return Sequential([Input(image_shape), *activated, layers.Flatten(), layers.Dense(1)], name="discriminator")


def _activated(convolution: Any, x: Any) -> Any:
    from keras import layers

    return layers.ReLU()(_normalised(convolution, x))


def _normalised(convolution: Any, x: Any) -> Any:
    from keras import layers

    # With few epochs, the default momentum of 0.99 would keep too much of the first steps.
    return layers.BatchNormalization(momentum=0.9)(convolution(x))
