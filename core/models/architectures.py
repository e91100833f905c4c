"""The two classifiers of the default job. TensorFlow is imported when one is built."""

from __future__ import annotations

from typing import Any

from core.registry import MODELS

Shape = tuple[int, ...]


@MODELS.register("mlp")
class Mlp:
    """Flatten, Dense 784 relu, Dense softmax."""

    def build(self, input_shape: Shape, classes: int) -> Any:
        """An untrained keras.Model from (N, *input_shape) to (N, classes) probabilities."""
        from keras import Input, Sequential, layers

        return Sequential(
            [
                Input(input_shape),
                layers.Flatten(),
                layers.Dense(784, activation="relu"),
                layers.Dense(classes, activation="softmax"),
            ],
            name="mlp",
        )


@MODELS.register("cnn")
class Cnn:
    """Three convolutions (32 5x5, 64 3x3, 64 3x3), dropout 0.2, Dense 784 relu, Dense softmax."""

    def build(self, input_shape: Shape, classes: int) -> Any:
        """An untrained keras.Model from (N, *input_shape) to (N, classes) probabilities."""
        from keras import Input, Sequential, layers

        return Sequential(
            [
                Input(input_shape),
                layers.Conv2D(32, 5, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Conv2D(64, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Conv2D(64, 3, activation="relu"),
                layers.Dropout(0.2),
                layers.Flatten(),
                layers.Dense(784, activation="relu"),
                layers.Dense(classes, activation="softmax"),
            ],
            name="cnn",
        )
