from __future__ import annotations

import pytest

from core.gates.one_class import one_class

SEVERAL = {0: 50, 1: 50}


@pytest.mark.parametrize(
    ("predicted", "labelled", "status"),
    [
        ({0: 96, 1: 4}, SEVERAL, "failed"),
        ({0: 95, 1: 5}, SEVERAL, "passed"),  # not over 95%
        ({0: 100}, {0: 96, 1: 4}, "passed"),  # the set is so too
        ({0: 100}, {0: 95, 1: 5}, "failed"),
        ({0: 100}, {1: 100}, "passed"),  # then the accuracy says it
        ({0: 96, 1: 4}, None, "warning"),
        ({0: 50, 1: 50}, None, "passed"),
        ({0: 19}, {0: 10, 1: 9}, "skipped"),
        ({0: 20}, {0: 10, 1: 10}, "failed"),
    ],
)
def test_what_it_says(predicted: dict[int, int], labelled: dict[int, int] | None, status: str) -> None:
    gate = one_class(predicted, labelled)
    assert (gate.name, gate.status) == ("one class", status)
    assert gate.raised == (status in {"failed", "warning"})


def test_it_names_the_class_and_counts() -> None:
    assert one_class({2: 30, 1: 1}, {1: 16, 2: 15}, ["a", "b", "c"]).detail.startswith(
        "c (class 2) is predicted for 30 of 31 clean images"
    )
    assert one_class({2: 30}, {1: 15, 2: 15}).detail.startswith("class 2 is predicted for 30 of 30")
