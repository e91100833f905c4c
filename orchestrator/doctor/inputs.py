"""Checks the data set and the model."""

from __future__ import annotations

import numpy as np

from core.errors import AdvshardError, InputError
from orchestrator.doctor.finding import Finding, failed, ok


def check_inputs(data: str, model: str, *, trust_model: bool = False, imports: tuple[str, ...] = ()) -> list[Finding]:
    """Check that data set and model can be loaded and fit together.

    Args:
        data, model: names or paths, as for ``run``.
        trust_model: allow code in the model's file to run.
        imports: modules to import first, if it is trusted.
    """
    from core.datasets.by_name import open_images
    from core.datasets.conversion.normalise import image_shape
    from core.models.files.card import resolve

    try:
        source = open_images(data)
        shape = image_shape(source, np.arange(source.count))
        name, _, card = resolve(model, shape, trusted=trust_model, imports=imports)
    except InputError as error:
        return [failed("data and model", f"expected {error.expected}; got {error.got}", error.advice)]
    except (AdvshardError, OSError) as error:
        return [failed("data and model", str(error), "give a readable file")]
    size = "x".join(map(str, (source.count, *shape)))
    return [ok("data and model", f"{source.name} {size}, {name} with {card.classes} classes")]
