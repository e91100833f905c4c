"""Reads labels in any common form as class numbers, and brings them into the order of the model's classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError

_SHOWN = 12  # class names in an error message
UNLABELLED = -1  # a label that stands for none, as Hugging Face writes it in test sets


@dataclass(frozen=True)
class Labels:
    """The labels of a set.

    Attributes:
        numbers: (N,) int64, each at least 0; None if the set has no labels.
        class_names: one per class; empty if unknown.
        notes: one sentence for each choice that was made.
    """

    numbers: NDArray[np.int64] | None
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_labels(name: str, labels: NDArray[Any] | None, class_names: Sequence[str] = ()) -> Labels:
    """Read labels as class numbers.

    Args:
        name: the set's name, which starts each error message.
        labels: (N,) or (N, 1) whole numbers of any type, (N, K) one-hot rows, or (N,) names; None if there are none.
        class_names: the names of the numbers, if known.

    Raises:
        DataError: they are none of these.

    Example:
        >>> read_labels("set", np.eye(3)[[2, 0]]).numbers.tolist()
        [2, 0]
        >>> read_labels("set", np.array(["dog", "cat", "dog"])).class_names
        ('cat', 'dog')
    """
    if labels is None:
        return Labels(None, tuple(class_names))
    notes = []
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
        notes.append(f"the labels of shape ({len(labels)}, 1) were read as ({len(labels)},)")
    if labels.ndim == 2:
        labels = _from_one_hot(name, labels)
        notes.append("the one-hot rows were read as class numbers")
    if labels.ndim != 1:
        raise DataError(f"{name}: labels of shape (N,)", f"shape {labels.shape}", "store one class number per image")
    if labels.dtype.kind in "US":
        found, numbers = np.unique(labels.astype(str), return_inverse=True)
        return Labels(numbers.astype(np.int64), tuple(found.tolist()), tuple(notes))
    numbers = _whole(name, labels)
    if len(numbers) and (numbers == UNLABELLED).all():
        return Labels(None, tuple(class_names), (*notes, "all labels are -1, which stands for no label"))
    if numbers.min(initial=0) < 0:
        raise DataError(f"{name}: labels of 0 or more", f"a label {numbers.min()}", "number classes from 0")
    if class_names and numbers.max(initial=0) >= len(class_names):
        raise DataError(
            f"{name}: labels in 0..{len(class_names) - 1}, for {len(class_names)} class names",
            f"a label {numbers.max()}",
            "give the names of all classes",
        )
    return Labels(numbers, tuple(class_names), tuple(notes))


def in_model_order(
    name: str, labels: Labels, classes: int, model_names: Sequence[str] = (), given: Sequence[str] = ()
) -> Labels:
    """Number the labels as the model's outputs.

    Args:
        name: the set's name, for error messages.
        labels: as read.
        classes: number of the model's outputs.
        model_names: the model's class names in the order of its outputs, if it has them.
        given: the user's names in that order, which count before the model's.

    Returns:
        The labels with the model's numbers, and its names where they are known.

    Raises:
        DataError: the set has other classes than the model.
    """
    if given and len(given) != classes:
        raise DataError(f"{classes} class names, one per output of the model", f"{len(given)}", "correct --classes")
    order = tuple(given) or tuple(model_names)
    names = labels.class_names
    if order and names:
        unknown = [each for each in names if each not in order]
        if unknown:
            raise DataError(
                f"{name}: classes of the model, {listed(order)}",
                f"{listed(names)}, with {listed(unknown)} not among them",
                "rename them, or name the model's classes in the order of its outputs with --classes FILE",
            )
        if names == order:
            return labels
        table = np.array([order.index(each) for each in names], np.int64)
        numbers = None if labels.numbers is None else table[labels.numbers]
        return Labels(numbers, order, (*labels.notes, "the classes were matched with the model's by their names"))
    if names and len(names) != classes:
        raise DataError(
            f"{name}: {classes} classes, as the model has outputs",
            f"{len(names)}: {listed(names)}",
            "name the model's classes in the order of its outputs with --classes FILE",
        )
    if labels.numbers is not None and labels.numbers.max(initial=0) >= classes:
        raise DataError(
            f"{name}: labels in 0..{classes - 1}, for a model with {classes} classes",
            f"a label {labels.numbers.max()}",
            "give the labels or the model that fit",
        )
    return Labels(labels.numbers, names or order, labels.notes)


def listed(names: Sequence[str]) -> str:
    """Names for a message, the first of many."""
    shown = ", ".join(names[:_SHOWN])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > _SHOWN else shown


def _from_one_hot(name: str, rows: NDArray[Any]) -> NDArray[np.int64]:
    if rows.dtype.kind not in "biuf":
        raise DataError(f"{name}: labels as numbers or names", f"type {rows.dtype}", "store one class number per image")
    ones = rows == 1
    if not ((ones | (rows == 0)).all() and (ones.sum(axis=1) == 1).all()):
        row = int(np.flatnonzero(~((ones | (rows == 0)).all(axis=1) & (ones.sum(axis=1) == 1)))[0])
        raise DataError(
            f"{name}: labels of shape (N,), or one-hot rows with a single 1",
            f"shape {rows.shape}, and row {row} is not one-hot",
            "store one class number per image",
        )
    return np.asarray(ones.argmax(axis=1), np.int64)


def _whole(name: str, labels: NDArray[Any]) -> NDArray[np.int64]:
    if labels.dtype.kind not in "biuf":
        raise DataError(f"{name}: labels as numbers or names", f"type {labels.dtype}", "use labels.astype('int64')")
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and (labels == np.rint(labels)).all()):
        raise DataError(f"{name}: labels that are whole numbers", "fractions or NaN", "store class numbers")
    return labels.astype(np.int64)
