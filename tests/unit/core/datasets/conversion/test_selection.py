from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.datasets.conversion.selection import chosen_rows


def test_all_and_the_first() -> None:
    assert chosen_rows(5, None, None, None, 0).tolist() == [0, 1, 2, 3, 4]
    assert chosen_rows(5, None, 2, None, 0).tolist() == [0, 1]
    assert chosen_rows(5, None, 9, None, 0).tolist() == [0, 1, 2, 3, 4]
    assert chosen_rows(5, None, None, 9, 0).tolist() == [0, 1, 2, 3, 4]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.data())
def test_a_sample_has_each_class_in_proportion(labels: list[int], data: st.DataObject) -> None:
    numbers = np.array(labels)
    sample = data.draw(st.integers(1, len(labels)))
    rows = chosen_rows(len(labels), numbers, None, sample, 0)
    assert len(rows) == sample
    assert (np.diff(rows) > 0).all()
    for each in range(5):
        exact = np.mean(numbers == each) * sample
        assert abs(np.sum(numbers[rows] == each) - exact) < 1


def test_the_seed_draws_the_sample() -> None:
    labels = np.arange(1000) % 10
    first = chosen_rows(1000, labels, None, 50, 0)
    np.testing.assert_array_equal(first, chosen_rows(1000, labels, None, 50, 0))
    assert set(first.tolist()) != set(chosen_rows(1000, labels, None, 50, 1).tolist())


def test_without_labels_every_image_can_be_drawn() -> None:
    drawn = {row for seed in range(60) for row in chosen_rows(10, None, None, 3, seed).tolist()}
    assert drawn == set(range(10))
