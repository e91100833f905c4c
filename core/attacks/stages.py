"""An attack and its fallback: the images that one stage left unchanged go on to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from core.attacks.base import Attack, Examples
from core.contracts import RunConfig, Scalar
from core.errors import ConfigError
from core.models.classifier import Classifier
from core.pixels import Images
from core.registry import ATTACKS

VANISHED, UNMOVED = "gradient vanished", "no change"


@dataclass(frozen=True)
class Outcome:
    """What the stages made of n examples.

    attack: the stage that an image was left by; reason: why an earlier one didn't do, or "".
    """

    images: Images
    steps: NDArray[np.int64]
    attack: list[str]
    reason: list[str]


def build(name: str, params: dict[str, Scalar]) -> Attack:
    """The attack ``name`` with these hyper-parameters, validated; raises ConfigError."""
    kind: type[Attack] = ATTACKS[name]
    unknown = sorted(set(params) - set(kind.model_fields))
    if unknown:
        raise ConfigError(
            f"a hyper-parameter of {name}",
            ", ".join(unknown),
            f"it has {', '.join(kind.model_fields)}",
        )
    try:
        return kind.model_validate(params)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"{name} with a valid {field}",
            f"{first['input']!r} ({first['msg']})",
            "see the hyper-parameters in the README",
        ) from None


def stages_of(config: RunConfig) -> list[tuple[str, Attack]]:
    """The stages of a run in their order, by name."""
    chosen = [config.attack, *([config.fallback] if config.fallback else [])]
    return [(stage.attack, build(stage.attack, stage.params)) for stage in chosen]


def run_stages(
    stages: Sequence[tuple[str, Attack]],
    classifier: Classifier,
    examples: Examples,
    clean_predictions: NDArray[np.int64],
) -> Outcome:
    """Attack the examples. An image misclassified from the start is done, and stays as it is."""
    name, attack = stages[0]
    attacked = attack.run(classifier, examples)
    images, steps = attacked.images.copy(), attacked.steps.copy()
    vanished = attacked.vanished
    names, reasons = [name] * len(images), [""] * len(images)
    for name, attack in stages[1:]:
        unchanged = (images == examples.images).all(axis=(1, 2, 3))
        rows = np.flatnonzero(unchanged & (clean_predictions == examples.labels))
        if not len(rows):
            break
        attacked = attack.run(classifier, examples.take(rows))
        images[rows], steps[rows] = attacked.images, attacked.steps
        for row in rows:
            names[row], reasons[row] = name, VANISHED if vanished[row] else UNMOVED
        vanished = vanished.copy()
        vanished[rows] = attacked.vanished
    return Outcome(images, steps, names, reasons)
