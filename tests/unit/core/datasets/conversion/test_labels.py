from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.datasets.conversion.labels import Labels, in_model_order, read_labels
from core.errors import DataError

NUMBERS = [2, 0, 1, 2]


@pytest.mark.parametrize(
    "labels",
    [
        np.array(NUMBERS, np.uint8),
        np.array(NUMBERS, np.int64)[:, None],
        np.array(NUMBERS, np.float32),
        np.eye(3, dtype=np.float32)[NUMBERS],
        np.eye(3, dtype=bool)[NUMBERS],
        np.array(["c", "a", "b", "c"]),
        np.array([b"c", b"a", b"b", b"c"]),
    ],
)
def test_every_usual_form_gives_the_same_numbers(labels: Any) -> None:
    found = read_labels("set", labels).numbers
    assert found is not None
    assert found.dtype == np.int64
    assert found.tolist() == NUMBERS


def test_names_become_classes_in_sorted_order() -> None:
    assert read_labels("set", np.array(["cat", "ant", "cat"])).class_names == ("ant", "cat")


def test_a_changed_form_is_noted() -> None:
    assert read_labels("set", np.array(NUMBERS)).notes == ()
    assert "one-hot" in read_labels("set", np.eye(3)[NUMBERS]).notes[0]
    assert "(4, 1)" in read_labels("set", np.array(NUMBERS)[:, None]).notes[0]


def test_a_set_without_labels_has_none() -> None:
    assert read_labels("set", None, ("a", "b")) == Labels(None, ("a", "b"))
    hidden = read_labels("set", np.full(3, -1), ("a", "b"))
    assert hidden.numbers is None
    assert "-1" in hidden.notes[0]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.array([0.5, 1.0]), "whole numbers"),
        (np.array([np.nan, 1.0]), "whole numbers"),
        (np.array([[1.0, 0.0], [0.5, 0.5]]), "row 1 is not one-hot"),
        (np.array([[0, 0], [0, 1]]), "row 0 is not one-hot"),
        (np.array([-1, 0]), "a label -1"),
        (np.zeros((2, 2, 2)), "shape (2, 2, 2)"),
        (np.array([1 + 2j]), "complex128"),
        (np.array([["a", "b"]]), "type <U1"),
    ],
)
def test_labels_of_no_usual_form_are_refused(labels: Any, said: str) -> None:
    with pytest.raises(DataError) as refused:
        read_labels("set", labels)
    assert said in str(refused.value)


def test_a_label_without_a_class_name_is_refused() -> None:
    with pytest.raises(DataError, match="a label 2"):
        read_labels("set", np.array([0, 2]), ("a", "b"))


# -- the model's order ---------------------------------------------------------------------------

ANIMALS = Labels(np.array([0, 1, 1]), ("cat", "dog"))


def numbers(labels: Labels) -> list[int]:
    assert labels.numbers is not None
    return labels.numbers.tolist()


def test_classes_are_matched_with_the_models_by_name() -> None:
    for names in ({"model_names": ("dog", "eel", "cat")}, {"given": ("dog", "eel", "cat")}):
        found = in_model_order("set", ANIMALS, 3, **names)
        assert numbers(found) == [2, 0, 0]
        assert found.class_names == ("dog", "eel", "cat")
        assert "by their names" in found.notes[0]


def test_the_users_names_count_before_the_models() -> None:
    found = in_model_order("set", ANIMALS, 2, model_names=("cat", "dog"), given=("dog", "cat"))
    assert numbers(found) == [1, 0, 0]


def test_equal_classes_stay_as_they_are() -> None:
    assert in_model_order("set", ANIMALS, 2, model_names=("cat", "dog")) is ANIMALS
    assert in_model_order("set", ANIMALS, 2) == ANIMALS


def test_numbers_without_names_get_the_models() -> None:
    found = in_model_order("set", Labels(np.array([0, 2])), 3, model_names=("a", "b", "c"))
    assert numbers(found) == [0, 2]
    assert found.class_names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("labels", "names", "said"),
    [
        (ANIMALS, {"model_names": ("cat", "fox")}, ("cat, fox", "cat, dog", "dog not among them", "--classes")),
        (ANIMALS, {}, ("3 classes", "2: cat, dog", "--classes")),
        (Labels(np.array([3])), {}, ("0..2", "a label 3")),
        (ANIMALS, {"given": ("cat", "dog")}, ("3 class names", "got 2")),
    ],
)
def test_other_classes_than_the_models_are_refused_with_both(
    labels: Labels, names: dict[str, Any], said: tuple[str, ...]
) -> None:
    with pytest.raises(DataError) as refused:
        in_model_order("set", labels, 2 if "model_names" in names else 3, **names)
    for words in said:
        assert words in str(refused.value)


def test_a_long_list_of_classes_is_cut_short() -> None:
    many = Labels(None, tuple(f"class {i}" for i in range(1000)))
    with pytest.raises(DataError, match=r"class 11, \.\.\. \(1000 in all\)"):
        in_model_order("set", many, 3)
