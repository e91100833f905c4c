from __future__ import annotations

import numpy as np
import pytest

from core.image.pixels import to_float
from core.inspection.readings import Reading, best_reading, in_bounds, other_readings

LABELS = np.arange(40) % 4


def reading(right: int, options: int = 0, labelled: bool = True) -> Reading:
    """So many of 40 images right, the others predicted as class 0."""
    predictions = np.where(np.arange(40) < right, LABELS, 0)
    bounds = (0.0, 255.0 + options)
    return Reading.of(bounds, "none", predictions, LABELS if labelled else None)


def test_what_a_reading_says() -> None:
    found = reading(30)
    assert found.right == 32  # of the other ten, two are of class 0
    assert found.accuracy == 0.8
    assert found.largest_share == 18 / 40
    assert not found.is_suspect(4)
    assert found.options == ["--bounds", "0", "255"]
    assert Reading.of((0.0, 1.0), "caffe", LABELS, None).options == ["--preprocess", "caffe"]


@pytest.mark.parametrize(("right", "suspect"), [(0, True), (10, True), (39, False)])
def test_most_images_wrong_or_in_one_class_are_suspect(right: int, suspect: bool) -> None:
    assert reading(right).is_suspect(4) == suspect
    assert reading(right, labelled=False).is_suspect(4) == suspect


def test_a_few_images_tell_nothing() -> None:
    few = Reading.of((0.0, 1.0), "none", np.zeros(19, np.int64), None)
    assert not few.is_suspect(4)
    assert Reading.of((0.0, 1.0), "none", np.zeros(20, np.int64), None).is_suspect(4)


@pytest.mark.parametrize("labelled", [True, False])
def test_the_best_of_the_others_is_clearly_better(labelled: bool) -> None:
    given, others = reading(8, 0, labelled), [reading(20, 1, labelled), reading(36, 2, labelled)]
    assert best_reading(given, others, 4) == others[1]
    assert best_reading(others[1], [given, others[0]], 4) is None
    assert best_reading(reading(36, 3, labelled), [reading(39, 1, labelled)], 4) is None  # hardly better
    assert best_reading(given, [reading(0, 1, labelled)], 4) is None
    assert best_reading(given, [], 4) is None


def test_the_usual_readings_besides_the_given_one() -> None:
    grey = list(other_readings((0.0, 1.0), "none", 1))
    assert grey == [((0.0, 255.0), "none"), ((-1.0, 1.0), "none"), ((0.0, 1.0), "tf")]
    assert [mode for _, mode in other_readings((0.0, 255.0), "caffe", 3)] == ["none"] * 3 + ["tf", "torch"]


def test_pixels_keep_their_place_in_other_bounds() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    assert in_bounds(levels, (0.0, 1.0), (0.0, 255.0)) is levels
    floats = to_float(levels, (-1.0, 1.0))
    np.testing.assert_allclose(in_bounds(floats, (-1.0, 1.0), (0.0, 255.0)), levels.astype(np.float32), atol=1e-4)
