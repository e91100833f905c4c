"""The statistics of ledgers made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from core.reduce.statistics import Statistics
from core.shard.ledger import schema

_EMPTY: dict[pa.DataType, Any] = {pa.int64(): 0, pa.float64(): 0.5, pa.string(): "", pa.bool_(): False}


def statistics_of(label: list[int] | list[None], before: list[int], after: list[int]) -> Statistics:
    """The statistics of images with these labels and predictions."""
    rows: dict[str, list[Any]] = {column.name: [_EMPTY[column.type]] * len(label) for column in schema()}
    rows |= {"label": label, "clean_prediction": before, "adversarial_prediction": after}
    rows["success"] = np.not_equal(before, after).tolist()
    statistics = Statistics()
    statistics.add(pa.table(rows, schema=schema()))
    return statistics


def totals(label: list[int] | list[None], before: list[int], after: list[int]) -> dict[str, Any]:
    return statistics_of(label, before, after).totals()


def test_an_image_moved_onto_its_label_is_not_robust() -> None:
    # Stays right; right, then wrong; wrong, then moved onto its label (twice); stays wrong.
    found = totals(label=[0, 0, 0, 0, 0], before=[0, 0, 1, 2, 1], after=[0, 1, 0, 0, 1])
    assert found["clean_accuracy"] == 2 / 5
    assert found["robust_accuracy"] == 1 / 5
    assert found["error_rate"] == 2 / 5
    assert found["success_rate"] == 3 / 5


def test_an_image_that_stays_wrong_is_neither_robust_nor_a_success() -> None:
    found = totals(label=[0, 1], before=[1, 1], after=[1, 1])
    assert found["robust_accuracy"] == 1 / 2
    assert found["success_rate"] == 0


def test_without_labels_nothing_is_said_of_them() -> None:
    before, after = [0, 1, 2, 1], [1, 1, 0, 1]
    bare, labelled = totals([None] * 4, before, after), totals(before, before, after)
    of_labels = ("clean_accuracy", "robust_accuracy", "error_rate")
    assert [bare.pop(name) for name in of_labels] == [None, None, None]
    assert None not in [labelled.pop(name) for name in of_labels]
    assert bare == labelled
    assert bare["success_rate"] == 2 / 4
    assert statistics_of([None] * 4, before, after).by_class(("zero",)) is None
    assert statistics_of(before, before, after).by_class(("zero",)) is not None


def test_the_gates_see_the_predictions_on_clean_images() -> None:
    labels, before = [0, 1] * 15, [1] * 30
    gates = {gate.name: gate for gate in statistics_of(labels, before, [0] * 30).gates(2, ("cat", "dog"))}
    assert gates["one class"].status == "failed"
    assert "dog (class 1) is predicted for 30 of 30" in gates["one class"].detail
    assert gates["clean accuracy"].status == "failed"
    gates = {gate.name: gate for gate in statistics_of(labels, labels, before).gates(2, ())}
    assert {gate.status for gate in gates.values()} == {"passed"}
    gates = {gate.name: gate for gate in statistics_of([None] * 30, before, before).gates(2, ())}
    assert (gates["one class"].status, gates["clean accuracy"].status) == ("warning", "skipped")
