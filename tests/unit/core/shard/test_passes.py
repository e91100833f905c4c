from __future__ import annotations

from core.attacks.base import Passes
from core.run.manifest import RunConfig, StageConfig
from core.shard.passes import passes_of


def config(*stages: StageConfig) -> RunConfig:
    return RunConfig(stages=stages, labels="predicted", bounds=(0.0, 1.0), seed=0, batch_size=4)


def test_those_of_all_stages_and_of_what_lies_between_them() -> None:
    first = StageConfig(attack="ifgsm", params={"steps": 4, "step_back": 0, "early_stop": False})
    noise = StageConfig(attack="gaussian")
    assert passes_of(config(first), 3) == Passes(4 + 3, 4)
    assert passes_of(config(first, noise), 3) == Passes(4 + 2 + 3, 4)
    assert passes_of(config(StageConfig(attack="deepfool", params={"steps": 5})), 3) == Passes(11 + 3, 10)


def test_a_flip_that_bfloat16_proposes_is_verified() -> None:
    found = config(StageConfig(attack="ifgsm", params={"steps": 4, "step_back": 0}))
    exact, half = passes_of(found, 3), passes_of(found.model_copy(update={"precision": "bfloat16"}), 3)
    assert exact is not None
    assert half == Passes(exact.forward + 4, exact.backward)


def test_a_fallback_does_not_count_and_a_search_is_unknown() -> None:
    noise, fallback = StageConfig(attack="gaussian"), StageConfig(attack="ifgsm", only_unchanged=True)
    assert passes_of(config(noise, fallback), 3) == Passes(3, 0)
    assert passes_of(config(noise, StageConfig(attack="composition")), 3) is None
