"""A cascade of attacks, which passes only unbroken images to the next attack.

A fallback is such a stage too, for the images that the previous stage left unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from core.attacks.base import Attack, Examples
from core.errors import ConfigError
from core.image.pixels import Images
from core.models.inference.classifier import Classifier
from core.registry import ATTACKS
from core.run.manifest import RunConfig, StageConfig
from core.run.value import Scalar
from core.runtime.asset import Asset

VANISHED, UNMOVED = "gradient vanished", "no change"


@dataclass(frozen=True)
class Stage:
    """One attack of a cascade; see StageConfig.

    Attributes:
        name: the registered name.
        attack: the attack with its hyper-parameters.
        only_unchanged: whether it is for the images that the previous stage left unchanged.
        assets: what the attack's ``prepare`` returned.
    """

    name: str
    attack: Attack
    only_unchanged: bool = False
    assets: Mapping[str, Asset] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """The result of a cascade for n examples.

    Attributes:
        images: (n, H, W, C).
        steps: (n,), of the stage in ``attack``.
        attack: the stage that made each image: the first that reached the goal, or else the one that came nearest.
        reason: why an image went to a fallback, or "".
        forward_passes, backward_passes: (n,), of all stages that attacked the image (see Attacked), and of the cascade
            itself, to decide whether an image passes on and which stage came nearest.
    """

    images: Images
    steps: NDArray[np.int64]
    attack: list[str]
    reason: list[str]
    forward_passes: NDArray[np.int64]
    backward_passes: NDArray[np.int64]


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
        field_name = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"{name} with a valid {field_name}",
            f"{first['input']!r} ({first['msg']})",
            "see 'advshard attacks'",
        ) from None


def stages_of(config: RunConfig, assets_of: Callable[[StageConfig], Mapping[str, Asset]] = lambda _: {}) -> list[Stage]:
    """The stages of a run in their order.

    Args:
        config: of the run.
        assets_of: returns a stage's assets by name.
    """
    return [
        Stage(stage.attack, build(stage.attack, stage.params), stage.only_unchanged, assets_of(stage))
        for stage in config.stages
    ]


def run_stages(
    stages: Sequence[Stage],
    classifier: Classifier,
    examples: Examples,
    clean_predictions: NDArray[np.int64],
) -> Outcome:
    """Attack the examples with each stage in turn.

    Examples that reach the goal before any attack only pass through the first stage.

    Args:
        stages: the attacks.
        classifier: the attacked model.
        examples: n examples.
        clean_predictions: (n,), the classes predicted for them.
    """
    first = stages[0]
    attacked = first.attack.run(classifier, replace(examples, assets=first.assets))
    count = len(attacked.images)
    outcome = Outcome(
        attacked.images.copy(),
        attacked.steps.copy(),
        [first.name] * count,
        [""] * count,
        attacked.forward_passes.copy(),
        attacked.backward_passes.copy(),
    )
    vanished = attacked.vanished.copy()
    withstands = ~examples.reached(clean_predictions)
    for stage in stages[1:]:
        unchanged = (outcome.images == examples.images).all(axis=(1, 2, 3))
        rows = np.flatnonzero(withstands & unchanged if stage.only_unchanged else withstands)
        if not stage.only_unchanged:
            nearness, reached = _standing(classifier, examples.take(rows), outcome.images[rows])
            outcome.forward_passes[rows] += 1
            withstands[rows[reached]] = False
            rows, nearness = rows[~reached], nearness[~reached]
        if not len(rows):
            continue
        part = replace(examples.take(rows), assets=stage.assets)
        attacked = stage.attack.run(classifier, part)
        outcome.forward_passes[rows] += attacked.forward_passes
        outcome.backward_passes[rows] += attacked.backward_passes
        better = unchanged[rows]
        if not stage.only_unchanged:
            after, reached = _standing(classifier, part, attacked.images)
            outcome.forward_passes[rows] += 1
            better = better | reached | (after > nearness)
        for row, place in zip(rows[better], np.flatnonzero(better), strict=True):
            outcome.images[row], outcome.steps[row] = attacked.images[place], attacked.steps[place]
            outcome.attack[row] = stage.name
            if stage.only_unchanged:
                outcome.reason[row] = VANISHED if vanished[row] else UNMOVED
        vanished[rows] = attacked.vanished
    return outcome


def _standing(
    classifier: Classifier, examples: Examples, images: Images
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The margins (n,) of the images, which grow towards the goal, and where it is reached (n,)."""
    logits = classifier.logits(images)
    return examples.margins(logits), examples.reached(logits.argmax(axis=1))
