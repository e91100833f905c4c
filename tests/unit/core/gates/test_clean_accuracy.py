from __future__ import annotations

import pytest

from core.gates.clean_accuracy import clean_accuracy


@pytest.mark.parametrize(
    ("right", "images", "classes", "status"),
    [
        (10, 100, 10, "failed"),
        (11, 100, 10, "passed"),
        (50, 100, 2, "failed"),
        (0, 19, 2, "skipped"),
        (None, 100, 2, "skipped"),
    ],
)
def test_chance_is_not_enough(right: int | None, images: int, classes: int, status: str) -> None:
    gate = clean_accuracy(right, images, classes)
    assert (gate.name, gate.status) == ("clean accuracy", status)
