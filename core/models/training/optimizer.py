"""The optimizer, by its name."""

from __future__ import annotations

from typing import Any

from core.models.training.config import TrainConfig
from core.models.training.schedule import learning_rate


def optimizer(config: TrainConfig, steps_per_epoch: int) -> Any:
    """Adam, RMSprop or SGD with Keras's other defaults. With learning rate r, momentum m and gradient g:

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
