"""Recognises the architectures of keras.applications, and which preprocessing each expects in front of it.

The preprocessing of each is that of its ``preprocess_input`` in keras.applications.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# Patterns of model names, the most specific first.
_NAMES = {
    r"resnet_?\d+_?v2": "resnet_v2",
    r"inception_?resnet": "inception_resnet_v2",
    r"inception": "inception_v3",
    r"xception": "xception",
    r"nasnet": "nasnet",
    r"mobilenet_?v3": "mobilenet_v3",
    r"mobilenet_?v2": "mobilenet_v2",
    r"mobilenet": "mobilenet",
    r"densenet": "densenet",
    r"vgg_?\d+": "vgg",
    r"resnet_?\d+": "resnet",
    r"efficientnet": "efficientnet",
    r"convnext": "convnext",
}
# Names of layers, for models that were built on one of them and have another name.
_LAYERS = {
    "conv2_block1_preact_bn": "resnet_v2",
    "conv2_block1_concat": "densenet",
    "conv2_block1_1_conv": "resnet",
    "block5_conv1": "vgg",
    "expanded_conv_depthwise": "mobilenet_v2",
    "conv_dw_1": "mobilenet",
    "mixed10": "inception_v3",
    "block14_sepconv2": "xception",
}
PREPROCESSING = {
    "resnet": "caffe",
    "vgg": "caffe",
    "densenet": "torch",
    "resnet_v2": "tf",
    "inception_resnet_v2": "tf",
    "inception_v3": "tf",
    "xception": "tf",
    "nasnet": "tf",
    "mobilenet": "tf",
    "mobilenet_v2": "tf",
}


def architecture(model: Any) -> str | None:
    """The family of a model, by its name, those of nested models, or those of its layers; None if unknown.

    Example:
        >>> from types import SimpleNamespace as Model
        >>> architecture(Model(name="mine", layers=[Model(name="resnet50v2", layers=[])]))
        'resnet_v2'
    """
    names = list(_names(model))
    for name in names:
        for pattern, family in _NAMES.items():
            if re.search(pattern, name.lower()):
                return family
    return next((family for layer, family in _LAYERS.items() if layer in names), None)


def _names(model: Any) -> Iterator[str]:
    yield str(model.name)
    for layer in getattr(model, "layers", ()):
        yield from _names(layer)


def preprocessing_hint(family: str | None, mode: str | None) -> str | None:
    """What to tell the user of a model without preprocessing whose architecture usually needs one; None if it doesn't.

    Args:
        family: the architecture.
        mode: the ``--preprocess`` that models of it usually need.
    """
    if mode is None:
        return None
    return f"models of the architecture {family} usually need --preprocess {mode}, unless they were trained without it"
