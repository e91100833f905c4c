"""Learning rate schedules. One step is one batch."""

from __future__ import annotations

from typing import Any

from core.models.training.config import TrainConfig


def learning_rate(config: TrainConfig, steps_per_epoch: int) -> Any:
    """Create the learning rate: a float, or a keras LearningRateSchedule.

    With the initial learning rate ``rate``, the learning rate at step k is

    - ``none``: rate
    - ``time``: rate / (1 + decay * k)
    - ``step``: rate * drop ** floor(k / (drop_every * steps_per_epoch)), drop_every in epochs
    - ``cosine``: rate * (1 + cos(pi * k / (epochs * steps_per_epoch))) / 2
      (Loshchilov and Hutter 2017, arXiv 1608.03983, without restarts)
    """
    from keras.optimizers import schedules

    rate = config.learning_rate
    if config.schedule == "time":
        return schedules.InverseTimeDecay(rate, 1, config.decay)
    if config.schedule == "step":
        every = (config.drop_every or 1) * steps_per_epoch
        return schedules.ExponentialDecay(rate, every, config.drop, staircase=True)
    if config.schedule == "cosine":
        return schedules.CosineDecay(rate, config.epochs * steps_per_epoch)
    return rate
