"""advGAN (Xiao et al. 2018, arXiv 1801.02610): a generator of perturbations, trained against one model."""

from core.models.advgan.config import GeneratorConfig
from core.models.advgan.fit import TrainedGenerator, train_generator

__all__ = ["GeneratorConfig", "TrainedGenerator", "train_generator"]
