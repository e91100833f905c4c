"""The gate against a model whose clean accuracy is no better than guessing."""

from __future__ import annotations

from core.gates.one_class import FEWEST
from core.run.report import Gate

NAME = "clean accuracy"
_SOURCE = "Carlini et al. 2019, arXiv 1902.06705"


def clean_accuracy(right: int | None, images: int, classes: int) -> Gate:
    """Judge the clean accuracy: failed if it is at most 1 / classes.

    Args:
        right: the number of images predicted as their label; None without labels.
        images: the number of images.
        classes: of the model.

    Example:
        >>> clean_accuracy(9, images=100, classes=10).detail
        '0.0900, at or below the 0.1000 of guessing among 10 classes'
    """
    if right is None:
        return _gate("skipped", "the images have no labels")
    if images < FEWEST:
        return _gate("skipped", f"{images} images, fewer than {FEWEST}")
    accuracy, chance = right / images, 1 / classes
    if accuracy > chance:
        return _gate("passed", f"{accuracy:.4f}")
    return _gate("failed", f"{accuracy:.4f}, at or below the {chance:.4f} of guessing among {classes} classes")


def _gate(status: str, detail: str) -> Gate:
    return Gate.model_validate({"name": NAME, "status": status, "detail": detail, "source": _SOURCE})
