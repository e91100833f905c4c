"""Creates the optimizer of a training configuration."""

from __future__ import annotations

from typing import Any

from core.models.training.config import TrainConfig
from core.models.training.schedule import learning_rate


def optimizer(config: TrainConfig, steps_per_epoch: int) -> Any:
    """Create Keras's Adam, RMSprop or SGD; other settings keep their defaults.

    With learning rate r, momentum m, gradient g, velocity v and weights w:

    - ``sgd``: v <- m * v - r * g; w <- w + v
    - ``sgd`` with nesterov: v <- m * v - r * g; w <- w + m * v - r * g
    """
    from keras import optimizers

    rate = learning_rate(config, steps_per_epoch)
    if config.optimizer == "sgd":
        return optimizers.SGD(rate, momentum=config.momentum, nesterov=config.nesterov)
    if config.optimizer == "rmsprop":
        return optimizers.RMSprop(rate)
    return optimizers.Adam(rate)
