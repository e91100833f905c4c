"""Builds the model of a training configuration, and saves it without regularizer and optimizer state."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models.training.config import TrainConfig
from core.registry import MODELS


def build_model(config: TrainConfig, input_shape: tuple[int, ...], classes: int) -> Any:
    """Build an untrained keras.Model from (N, *input_shape) to (N, classes).

    With a regularizer, l1 * sum(|w|) + l2 * sum(w ** 2) is added to the loss for each layer's kernel w. Biases are not
    regularized.

    Args:
        config: the hyper-parameters.
        input_shape: (H, W, C).
        classes: the number of outputs.

    Raises:
        ModelError: the images are too small, or the model doesn't support an option.
    """
    return _build(config, input_shape, classes, dropout=config.dropout, regularizer=_regularizer(config))


def save_model(config: TrainConfig, model: Any, path: Path) -> None:
    """Save the model without its regularizer and without optimizer state, which takes twice the size of the weights."""
    bare = _build(config, model.input_shape[1:], model.output_shape[-1], dropout=config.dropout)
    bare.set_weights(model.get_weights())
    bare.save(path)


def _build(config: TrainConfig, input_shape: tuple[int, ...], classes: int, **settings: Any) -> Any:
    # Only options that were given are passed, so a ``build`` need not accept options that it has no use for.
    given = {name: value for name, value in settings.items() if value is not None}
    build = MODELS[config.model]().build
    for name in given:
        if name not in inspect.signature(build).parameters:
            raise ModelError(
                f"a model that supports --{name}",
                f"{config.model!r}, which has no {name!r} in its build",
                f"leave --{name} out, or choose another --model",
            )
    try:
        return build(input_shape, classes, **given)
    except ValueError as error:
        # Keras raises it for images that are too small for the layers.
        raise ModelError(
            f"images large enough for {config.model!r}",
            f"shape {input_shape} ({str(error).strip().splitlines()[0][:200]})",
            "give larger images or choose another --model",
        ) from None


def _regularizer(config: TrainConfig) -> Any:
    from keras import regularizers

    if config.regularizer == "none":
        return None
    return regularizers.L1L2(config.l1 or 0.0, config.l2 or 0.0)
