"""The hyper-parameters of a generator's training."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class GeneratorConfig(BaseModel):
    """Hyper-parameters of L = L_adv + alpha * L_GAN + beta * L_hinge (section 3.2 of the paper), images in 0..1.

    epsilon: the largest change of a pixel. confidence: the margin, in logits, beyond which L_adv is
    constant. hinge: the L2 norm of a perturbation above which L_hinge is positive. width: channels of the
    networks at full resolution. learning_rate: Adam's initial rate for both networks; it decays to
    zero over the epochs (cosine). validation: the number of training images held out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epsilon: float = Field(20 / 255, gt=0, le=1)
    alpha: float = Field(0.1, ge=0)
    beta: float = Field(2.0, ge=0)
    hinge: float = Field(1.2, ge=0)
    confidence: float = Field(6.0, ge=0)
    width: int = Field(8, ge=1)
    epochs: int = Field(6, ge=1)
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(4e-3, gt=0)
    validation: int = Field(5000, ge=1)
    seed: int = Field(0, ge=0)
