"""Models of real size, 224 x 224 x 3 with 1,000 classes, with weights that are drawn: nothing is downloaded.

Batch normalisation and the last layer are settled on images, so that activations and logits are those of a network in
use: every normalised value has mean 0 and deviation 1 over them, and so has every logit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE, CLASSES, SETTLED_ON = 224, 1_000, 16


def images_of(count: int, seed: int) -> NDArray[np.uint8]:
    """Colour images (count, 224, 224, 3): blobs of several sizes and some noise."""
    from PIL import Image

    random = np.random.default_rng(seed)
    found = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for image in found:
        layers = [random.integers(0, 256, (size, size, 3), np.uint8) for size in (7, 28, SIDE)]
        parts = [Image.fromarray(each).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for each in layers]
        image[:] = np.average([np.asarray(each) for each in parts], axis=0, weights=(0.6, 0.3, 0.1)).round()
    return found


def build(name: str, seed: int = 0) -> Any:
    """The keras.Model ``mobilenetv2``, ``resnet50`` or ``vit``, settled, for pixels in 0..1 and ending in a softmax."""
    import keras

    keras.utils.set_random_seed(seed)
    model = MODELS[name]()
    _settle(model, np.asarray(images_of(SETTLED_ON, seed) / 255, np.float32))
    return model


def _settle(model: Any, images: NDArray[np.float32]) -> None:
    import keras

    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    kept = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0  # the statistics become those of one pass in training mode
    model(images, training=True)
    for layer, momentum in zip(norms, kept, strict=True):
        layer.momentum = momentum
    last = model.layers[-1]
    features = keras.Model(model.inputs[0], last.input)(images, training=False)
    kernel, bias = (np.asarray(weight) for weight in last.get_weights())
    logits = np.asarray(features) @ kernel + bias
    deviation = logits.std(axis=0) + 1e-6
    last.set_weights([kernel / deviation, (bias - logits.mean(axis=0)) / deviation])


def _mobilenetv2() -> Any:
    import keras

    return keras.applications.MobileNetV2(weights=None, classes=CLASSES)


def _resnet50() -> Any:
    import keras

    return keras.applications.ResNet50(weights=None, classes=CLASSES)


def _vit() -> Any:
    """ViT-Ti/16 (Touvron et al. 2021, arXiv 2012.12877, table 1): 12 blocks of width 192, 3 heads; mean pooling."""
    import keras
    from keras import layers, ops

    entry = keras.Input((SIDE, SIDE, 3))
    h: Any = layers.Conv2D(192, 16, 16)(entry)
    h = layers.Reshape(((SIDE // 16) ** 2, 192))(h)
    places = ops.cumsum(ops.ones_like(h[:, :, 0], dtype="int32"), axis=1) - 1
    h = layers.Add()([h, layers.Embedding(h.shape[1], 192)(places)])
    for _ in range(12):
        normed = layers.LayerNormalization(epsilon=1e-6)(h)
        h = layers.Add()([h, layers.MultiHeadAttention(3, 64)(normed, normed)])
        normed = layers.LayerNormalization(epsilon=1e-6)(h)
        h = layers.Add()([h, layers.Dense(192)(layers.Dense(768, activation="gelu")(normed))])
    h = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-6)(h))
    return keras.Model(entry, layers.Dense(CLASSES, activation="softmax")(h))


MODELS: dict[str, Callable[[], Any]] = {"mobilenetv2": _mobilenetv2, "resnet50": _resnet50, "vit": _vit}
