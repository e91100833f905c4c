"""The classifiers of the source experiment. TensorFlow is imported when one is built.

``build`` takes a Keras ``regularizer`` for the kernels and, for models with a dropout layer, the ``dropout`` rate.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from core.registry import MODELS

Shape = tuple[int, ...]


@MODELS.register("mlp")
class Mlp:
    """Flatten, Dense 784 relu, Dense softmax."""

    def build(self, input_shape: Shape, classes: int, *, regularizer: Any = None) -> Any:
        """An untrained keras.Model from (N, *input_shape) to (N, classes) probabilities."""
        from keras import Input, Sequential, layers

        return Sequential(
            [
                Input(input_shape),
                layers.Flatten(),
                layers.Dense(784, activation="relu", kernel_regularizer=regularizer),
                layers.Dense(classes, activation="softmax", kernel_regularizer=regularizer),
            ],
            name="mlp",
        )


@MODELS.register("cnn")
class Cnn:
    """Three convolutions (32 5x5, 64 3x3, 64 3x3), dropout 0.2, Dense 784 relu, Dense softmax."""

    def build(self, input_shape: Shape, classes: int, *, dropout: float = 0.2, regularizer: Any = None) -> Any:
        """An untrained keras.Model from (N, *input_shape) to (N, classes) probabilities."""
        from keras.layers import Conv2D

        convolution = partial(Conv2D, activation="relu", kernel_regularizer=regularizer)
        return _convolutional("cnn", convolution, input_shape, classes, dropout, regularizer)


@MODELS.register("dscnn")
class DsCnn:
    """``cnn`` with depthwise separable convolutions (Chollet 2017, arXiv 1610.02357).

    One filter per channel, then a 1x1 convolution: k*k*c + c*f weights instead of the k*k*c*f of ``cnn``.
    """

    def build(self, input_shape: Shape, classes: int, *, dropout: float = 0.2, regularizer: Any = None) -> Any:
        """An untrained keras.Model from (N, *input_shape) to (N, classes) probabilities."""
        from keras.layers import SeparableConv2D

        convolution = partial(
            SeparableConv2D, activation="relu", depthwise_regularizer=regularizer, pointwise_regularizer=regularizer
        )
        return _convolutional("dscnn", convolution, input_shape, classes, dropout, regularizer)


def _convolutional(
    name: str, convolution: Callable[..., Any], input_shape: Shape, classes: int, dropout: float, regularizer: Any
) -> Any:
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input(input_shape),
            convolution(32, 5),
            layers.MaxPooling2D(2),
            convolution(64, 3),
            layers.MaxPooling2D(2),
            convolution(64, 3),
            layers.Dropout(dropout),
            layers.Flatten(),
            layers.Dense(784, activation="relu", kernel_regularizer=regularizer),
            layers.Dense(classes, activation="softmax", kernel_regularizer=regularizer),
        ],
        name=name,
    )
