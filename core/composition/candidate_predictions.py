"""A classifier's predictions for the candidates, computed once."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from core.composition.candidates import Candidates
from core.models.inference.classifier import Classifier, predict

_AT_A_TIME = 4096
_known: WeakKeyDictionary[Classifier, WeakKeyDictionary[Candidates, NDArray[np.int64]]] = WeakKeyDictionary()


def candidate_classes(classifier: Classifier, candidates: Candidates) -> NDArray[np.int64]:
    """Predict the class (N,) of each candidate; cached while the classifier and the candidates are alive."""
    known = _known.setdefault(classifier, WeakKeyDictionary())
    if candidates not in known:
        rows = np.arange(len(candidates.labels))
        parts = [rows[start : start + _AT_A_TIME] for start in range(0, len(rows), _AT_A_TIME)]
        known[candidates] = np.concatenate([predict(classifier, candidates.floats(part)) for part in parts])
    return known[candidates]
