"""The trainings of the study: the source's CNN and Adam, with nothing else, and one change at a time."""

from __future__ import annotations

from typing import Any

from core.models.training import TrainConfig

IMAGES, VALIDATION, EPOCHS, SEEDS = 20_000, 10_000, 10, (0, 1, 2)
BASE: dict[str, Any] = {"schedule": "none", "augment": False, "epochs": EPOCHS, "validation": VALIDATION}
_SGD: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9}
# The source's rate; its time-based decay came with a momentum of 0.8.
_SOURCE: dict[str, Any] = {**_SGD, "learning_rate": 0.1}

CHANGES: dict[str, dict[str, Any]] = {
    "base": {},
    "RMSprop": {"optimizer": "rmsprop"},
    "SGD, rate 0.05": {"optimizer": "sgd", "learning_rate": 0.05},
    "SGD, rate 0.01, momentum 0.9": _SGD,
    "the same with Nesterov": {**_SGD, "nesterov": True},
    "SGD, rate 0.1, momentum 0.9 (the source's)": _SOURCE,
    "SGD, rate 0.1, momentum 0.8, time decay 0.01 (the source's)": {
        **_SOURCE, "momentum": 0.8, "schedule": "time", "decay": 0.01,
    },
    "schedule time, decay 0.001": {"schedule": "time", "decay": 0.001},
    "schedule step, halved every 3 epochs": {"schedule": "step", "drop": 0.5, "drop_every": 3},
    "schedule cosine": {"schedule": "cosine"},
    "dropout 0": {"dropout": 0.0},
    "dropout 0.5": {"dropout": 0.5},
    "L1, 1e-5": {"regularizer": "l1", "l1": 1e-5},
    "L2, 1e-4": {"regularizer": "l2", "l2": 1e-4},
    "L1 and L2": {"regularizer": "l1l2", "l1": 1e-5, "l2": 1e-4},
    "augmentation": {"augment": True},
    "augmentation and cosine (the defaults of train)": {"augment": True, "schedule": "cosine"},
    "early stopping after 2 epochs": {"early_stopping": 2},
    "depthwise separable convolutions (dscnn)": {"model": "dscnn"},
    "MLP": {"model": "mlp"},
}  # fmt: skip


def config(change: str, seed: int) -> TrainConfig:
    """The training of one row and one seed."""
    return TrainConfig(**{**BASE, **CHANGES[change], "seed": seed})
