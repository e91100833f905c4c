"""Train a classifier with hold-out validation, reproducibly from a seed.

The validation images are taken from the training images. Training doesn't see the test images;
``accuracy`` looks at them once, at the end, and decides nothing.
"""

from core.models.training.config import TrainConfig
from core.models.training.fit import Trained, accuracy, train
from core.models.training.history import save_curves, save_history
from core.models.training.model import save_model

__all__ = ["TrainConfig", "Trained", "accuracy", "save_curves", "save_history", "save_model", "train"]
