"""Checks the data set and the model."""

from __future__ import annotations

from core.errors import AdvshardError, InputError
from orchestrator.doctor.finding import Finding, failed, ok


def check_inputs(data: str, model: str, *, trust_model: bool = False, imports: tuple[str, ...] = ()) -> list[Finding]:
    """Check that data set and model can be loaded and fit together.

    Args:
        data, model: names or paths, as for ``run``.
        trust_model: allow code in the model's file to run.
        imports: modules to import first, if it is trusted.
    """
    from core.models.files.card import resolve
    from orchestrator.planning.images import load_images

    try:
        images = load_images(data, (0.0, 1.0))
        name, _, card = resolve(model, images.images.shape[1:], trusted=trust_model, imports=imports)
    except InputError as error:
        return [failed("data and model", f"expected {error.expected}; got {error.got}", error.advice)]
    except (AdvshardError, OSError) as error:
        return [failed("data and model", str(error), "give a readable file")]
    shape = "x".join(map(str, images.images.shape))
    return [ok("data and model", f"{images.name} {shape}, {name} with {card.classes} classes")]
