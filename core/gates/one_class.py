"""The gate against a model that predicts one class for nearly everything, as with pixels in another range than its own.

Such a model is hard to attack, so that a run on it looks like one on a robust model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.run.report import Gate

NAME = "one class"
SHARE = 0.95  # of the predictions that one class may take
FEWEST = 20  # images that show it
_SOURCE = "advshard, docs/inspect.md"


def one_class(predicted: Mapping[int, int], labelled: Mapping[int, int] | None, names: Sequence[str] = ()) -> Gate:
    """Judge the predictions on clean images: failed if one class takes over 95% of them while the labels don't.

    Without labels, it is a warning.

    Args:
        predicted: the number of images by predicted class.
        labelled: the number of images by label; None without labels.
        names: of the classes, as far as they are known.

    Example:
        >>> one_class({3: 99, 1: 1}, {0: 50, 1: 50}, ["cat", "dog", "bird", "fish"]).detail
        'fish (class 3) is predicted for 99 of 100 clean images, the labels have 2 classes'
    """
    images = sum(predicted.values())
    if images < FEWEST:
        return _gate("skipped", f"{images} images, fewer than {FEWEST}")
    label, count = max(predicted.items(), key=lambda item: (item[1], -item[0]))
    said = f"{class_text(label, names)} is predicted for {count} of {images} clean images"
    if count <= SHARE * images:
        return _gate("passed", said)
    if labelled is None:
        return _gate("warning", f"{said}, which have no labels to compare with")
    if max(labelled.values()) > SHARE * images:
        return _gate("passed", f"{said}, and one label is as frequent")
    return _gate("failed", f"{said}, the labels have {len(labelled)} classes")


def class_text(label: int, names: Sequence[str]) -> str:
    """A class by its name, if it is known, and its number."""
    return f"{names[label]} (class {label})" if label < len(names) else f"class {label}"


def counts(classes: NDArray[np.int64]) -> dict[int, int]:
    """How often each class occurs among (n,) classes, by class."""
    return dict(sorted(Counter(classes.tolist()).items()))


def _gate(status: str, detail: str) -> Gate:
    return Gate.model_validate({"name": NAME, "status": status, "detail": detail, "source": _SOURCE})
