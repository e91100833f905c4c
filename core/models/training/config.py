"""The hyper-parameters of training, and which of them can be combined."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.errors import ConfigError
from core.registry import DEFAULT_MODEL

Optimizer = Literal["adam", "rmsprop", "sgd"]
Schedule = Literal["none", "time", "step", "cosine"]
Regularizer = Literal["none", "l1", "l2", "l1l2"]

# (parameter, option, values of the option for which the parameter is required and otherwise forbidden, typical value)
_BELONGS = (
    ("decay", "schedule", ("time",), "1e-4"),
    ("drop", "schedule", ("step",), "0.5"),
    ("drop_every", "schedule", ("step",), "10"),
    ("l1", "regularizer", ("l1", "l1l2"), "1e-5"),
    ("l2", "regularizer", ("l2", "l1l2"), "1e-4"),
)


class TrainConfig(BaseModel):
    """The hyper-parameters of training; raises ConfigError for invalid combinations.

    learning_rate: the initial rate; ``schedule.py`` defines how it decays with decay, drop and drop_every.
    momentum, nesterov: for SGD only. dropout: replaces the rate of the model's dropout layers. l1, l2: the
    regularizer's strengths, see ``model.py``. early_stopping: the number of epochs without a lower
    validation loss after which training stops. validation: the number of training images held out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str = DEFAULT_MODEL
    epochs: int = Field(80, ge=1)
    batch_size: int = Field(128, ge=1)
    optimizer: Optimizer = "adam"
    learning_rate: float = Field(1e-3, gt=0)
    momentum: float = Field(0.0, ge=0, lt=1)
    nesterov: bool = False
    schedule: Schedule = "cosine"
    decay: float | None = Field(None, gt=0)
    drop: float | None = Field(None, gt=0, lt=1)
    drop_every: int | None = Field(None, ge=1)
    dropout: float | None = Field(None, ge=0, lt=1)
    regularizer: Regularizer = "none"
    l1: float | None = Field(None, gt=0)
    l2: float | None = Field(None, gt=0)
    augment: bool = True
    early_stopping: int | None = Field(None, ge=1)
    validation: int = Field(5000, ge=1)
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        for name, owner, values, usual in _BELONGS:
            option, chosen = f"--{name.replace('_', '-')}", f"--{owner} {getattr(self, owner)}"
            given, wanted = getattr(self, name) is not None, getattr(self, owner) in values
            if given and not wanted:
                raise ConfigError(f"--{owner} {' or '.join(values)} with {option}", chosen, f"leave {option} out")
            if wanted and not given:
                raise ConfigError(f"{option} with {chosen}", "none", f"give for example {option} {usual}")
        if self.momentum and self.optimizer != "sgd":
            raise ConfigError(
                "--optimizer sgd with --momentum", f"--optimizer {self.optimizer}", "leave --momentum out"
            )
        if self.nesterov and not self.momentum:
            raise ConfigError(
                "--optimizer sgd and a momentum above 0 with --nesterov",
                f"--optimizer {self.optimizer} and momentum {self.momentum:g}",
                "give for example --optimizer sgd --momentum 0.9",
            )
        return self
