"""Turns the attacks that the user names into the stages of a run, with every hyper-parameter."""

from __future__ import annotations

from core.attacks.base import Attack
from core.errors import ConfigError
from core.image.pixels import Bounds
from core.registry import ATTACKS
from core.run.manifest import StageConfig
from core.run.value import Scalar
from core.shard.cascade import build
from orchestrator.planning.request import DEFAULT_FALLBACK

FALLBACK_STEPS = 5
Params = dict[str, Scalar]


def cascade(names: str, fallback: str | None, params: Params, bounds: Bounds) -> list[StageConfig]:
    """The stages of ``a,b,c``, with the fallback after the first.

    Args:
        names: registered attacks, separated by commas.
        fallback: the attack for images that the first attack leaves unchanged; None for no fallback.
        params: hyper-parameters. ``steps`` applies to every attack that has it, ``b.steps`` to b alone.
        bounds: lowest and highest pixel value.

    Raises:
        ConfigError: an attack or a hyper-parameter is unknown or invalid.
    """
    chosen = names.split(",")
    twice = sorted({name for name in chosen if chosen.count(name) > 1})
    if twice:
        raise ConfigError("each attack once", f"{', '.join(twice)} twice in {names!r}", "name each attack once")
    kinds: dict[str, type[Attack]] = {name: ATTACKS[name] for name in chosen}
    _refuse_unknown(kinds, params)
    stages = [stage(name, _for(name, kinds, params), bounds) for name in chosen]
    behind = kinds[chosen[0]].fallback if fallback == DEFAULT_FALLBACK else fallback
    if behind is not None:
        stages.insert(1, _fallback(behind, stages[0], bounds))
    return stages


def stage(name: str, params: Params, bounds: Bounds) -> StageConfig:
    """One attack, with defaults in units of the pixel range scaled to the bounds. Raises ConfigError."""
    kind: type[Attack] = ATTACKS[name]
    extent = bounds[1] - bounds[0]
    plain = build(name, params)
    scaled = {
        key: getattr(plain, key) * extent
        for key in kind.relative_to_range
        if key not in params and getattr(plain, key) is not None
    }
    attack = build(name, {**params, **scaled})
    for key in kind.relative_to_range:
        value = getattr(attack, key)
        # In L2, a change may be longer than the extent of one pixel.
        if value is not None and value > extent and getattr(attack, "norm", "linf") == "linf":
            raise ConfigError(
                f"{key} of at most {extent:g}, the extent of the bounds {bounds[0]:g}..{bounds[1]:g}",
                f"{value:g}",
                "give it in the units of the bounds",
            )
    return StageConfig(attack=name, params=attack.model_dump())


def _refuse_unknown(kinds: dict[str, type[Attack]], params: Params) -> None:
    """A hyper-parameter must be one of some attack. With one attack, that says itself which it has."""
    for key in params:
        owner, dot, _ = key.rpartition(".")
        if dot and owner not in kinds:
            raise ConfigError(f"a hyper-parameter of {', '.join(kinds)}", key, f"{owner!r} is not among the attacks")
        if not dot and len(kinds) > 1 and not any(key in kind.model_fields for kind in kinds.values()):
            raise ConfigError(f"a hyper-parameter of one of {', '.join(kinds)}", key, "see 'advshard attacks'")


def _for(name: str, kinds: dict[str, type[Attack]], params: Params) -> Params:
    shared = {
        key: value
        for key, value in params.items()
        if "." not in key and (len(kinds) == 1 or key in kinds[name].model_fields)
    }
    own = {key.removeprefix(f"{name}."): value for key, value in params.items() if key.startswith(f"{name}.")}
    return {**shared, **own}


def _fallback(name: str, first: StageConfig, bounds: Bounds) -> StageConfig:
    """It takes the first attack's hyper-parameters, but few steps and a loss that doesn't vanish."""
    kind: type[Attack] = ATTACKS[name]
    own: Params = {"steps": FALLBACK_STEPS, "loss": "margin", "step_size": None, "schedule": "constant"}
    if name == "fgsm":
        own["steps"] = 1
    params = {key: value for key, value in {**first.params, **own}.items() if key in kind.model_fields}
    return stage(name, params, bounds).model_copy(update={"only_unchanged": True})
