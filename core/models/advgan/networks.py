"""Generator and discriminator, after appendix A of the paper, for images of any size."""

from __future__ import annotations

from functools import partial
from typing import Any

_STRIDES = 4  # by which the encoder divides height and width
_BLOCKS = 2


def build_generator(image_shape: tuple[int, ...], width: int) -> Any:
    """An untrained keras.Model from images in 0..1 to directions of change in -1..1, both (N, H, W, C).

    Encoder, residual blocks, decoder; sums join encoder and decoder at equal sizes. ``width`` is the number
    of channels at full size.
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
    """An untrained keras.Model from images (N, H, W, C) to a score (N, 1): towards 1 for real ones, 0 for made ones."""
    from keras import Input, Sequential, layers

    convolutions = [layers.Conv2D(width << doublings, 4, 2, padding="same") for doublings in range(3)]
    activated = [layer for convolution in convolutions for layer in (convolution, layers.LeakyReLU(0.2))]
    return Sequential([Input(image_shape), *activated, layers.Flatten(), layers.Dense(1)], name="discriminator")


def _activated(convolution: Any, x: Any) -> Any:
    from keras import layers

    return layers.ReLU()(_normalised(convolution, x))


def _normalised(convolution: Any, x: Any) -> Any:
    from keras import layers

    # A training of a few epochs needs moving averages that forget its beginning.
    return layers.BatchNormalization(momentum=0.9)(convolution(x))
