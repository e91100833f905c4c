"""Trains a classifier with hold-out validation, reproducibly for a given seed.

The validation images are taken from the training images. The test images are used only for the final ``accuracy``,
never for a decision during training.
"""

from core.models.training.config import TrainConfig
from core.models.training.fit import Trained, accuracy, train
from core.models.training.history import save_curves, save_history
from core.models.training.model import save_model

__all__ = ["TrainConfig", "Trained", "accuracy", "save_curves", "save_history", "save_model", "train"]
