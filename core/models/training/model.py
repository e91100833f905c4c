"""The model of a configuration: built for training, and written without what only training needs."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models.training.config import TrainConfig
from core.registry import MODELS


def build_model(config: TrainConfig, input_shape: tuple[int, ...], classes: int) -> Any:
    """An untrained keras.Model (N, *input_shape) -> (N, classes); raises ModelError.

    With a regularizer the loss has, for each kernel w of a layer, l1 * sum(|w|) + l2 * sum(w ** 2)
    added to it. Biases are left free.
    """
    return _build(config, input_shape, classes, dropout=config.dropout, regularizer=_regularizer(config))


def save_model(config: TrainConfig, model: Any, path: Path) -> None:
    """Write the model without its regularizer and its optimizer's state, which is twice the weights."""
    bare = _build(config, model.input_shape[1:], model.output_shape[-1], dropout=config.dropout)
    bare.set_weights(model.get_weights())
    bare.save(path)


def _build(config: TrainConfig, input_shape: tuple[int, ...], classes: int, **settings: Any) -> Any:
    # What isn't asked for isn't passed, so that a build needs to take no more than it has a use for.
    given = {name: value for name, value in settings.items() if value is not None}
    build = MODELS[config.model]().build
    for name in given:
        if name not in inspect.signature(build).parameters:
            raise ModelError(
                f"a model whose build takes {name!r}, for --{name}",
                f"{config.model!r}, whose build doesn't",
                f"leave --{name} out, or choose another --model",
            )
    try:
        return build(input_shape, classes, **given)
    except ValueError as error:
        # What Keras raises where an image is too small for the layers.
        raise ModelError(
            f"images that {config.model!r} has layers for",
            f"shape {input_shape} ({str(error).strip().splitlines()[0][:200]})",
            "give larger images or another --model",
        ) from None


def _regularizer(config: TrainConfig) -> Any:
    from keras import regularizers

    if config.regularizer == "none":
        return None
    return regularizers.L1L2(config.l1 or 0.0, config.l2 or 0.0)
