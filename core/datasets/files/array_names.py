"""Which arrays of a file are the images and the labels, by the names that the field gives them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from core.datasets.files.damage import printable
from core.datasets.files.folder_layout import SPLITS
from core.datasets.source import ReadOptions
from core.errors import DataError

IMAGE_NAMES = frozenset(
    {"image", "images", "img", "imgs", "x", "set_x", "data", "pixels", "input", "inputs", "features"}
)
LABEL_NAMES = frozenset(
    {"label", "labels", "y", "set_y", "target", "targets", "ans"}
    | {f"{level}_{word}" for level in ("fine", "coarse") for word in ("label", "labels")}
)
_KEYS = "name the arrays with --keys IMAGES,LABELS"


@dataclass(frozen=True)
class Chosen:
    """The names of the arrays to read, and what to tell the user about the choice."""

    images: str
    labels: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass
class _Group:
    """The arrays of one split that look like images and like labels."""

    images: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


def choose_arrays(
    file: str, names: Sequence[str], shape_of: Callable[[str], tuple[int, ...]], options: ReadOptions
) -> Chosen:
    """Choose images and labels among the arrays of a file.

    Args:
        file: its name, for messages.
        names: of all arrays; ``/`` separates groups.
        shape_of: gives the shape of one of them; called only where no name is a usual one.
        options: ``keys`` and ``split``.

    Raises:
        DataError: nothing looks like images, or more than one array does.

    >>> choose_arrays("a.npz", ["x_train", "y_train", "x_test", "y_test"], {}.__getitem__, ReadOptions())
    Chosen(images='x_test', labels='y_test', notes=["the split 'test' was read, of test and train"])
    """
    if options.keys:
        return _named(file, names, options)
    groups: dict[str, _Group] = {}
    for name in names:
        split, role = _parsed(name, options.split)
        if role in IMAGE_NAMES:
            groups.setdefault(split, _Group()).images.append(name)
        elif role in LABEL_NAMES:
            groups.setdefault(split, _Group()).labels.append(name)
    with_images = {split: group for split, group in groups.items() if group.images}
    if not with_images and options.split is None:
        return _by_shape(file, names, shape_of)
    split, notes = choose_split(file, {split: group.images[0] for split, group in with_images.items()}, options.split)
    group = with_images[split]
    images, labels = _only(file, "images", group.images), None
    if group.labels:
        labels = _only(file, "labels", group.labels)
    elif len(names) > 1:
        notes.append(f"{printable(images)} was read without labels, since no other name is a usual one for them")
    return Chosen(images, labels, notes)


def told_apart(file: str, shapes: Mapping[str, tuple[int, ...]]) -> Chosen:
    """Choose images and labels among one or two arrays by their shapes alone, in either order; raises DataError.

    >>> told_apart("a.npz", {"arr_0": (60,), "arr_1": (60, 28, 28)})
    Chosen(images='arr_1', labels='arr_0', notes=[])
    """
    images = [name for name, shape in shapes.items() if len(shape) in {3, 4}]
    labels = [name for name, shape in shapes.items() if len(shape) in {1, 2}]
    if len(images) != 1 or len(images) + len(labels) != len(shapes) or len(shapes) > 2:
        found = ", ".join(f"{printable(name)} {shape}" for name, shape in shapes.items())
        raise DataError(
            f"{file}: one array of images, (N, H, W) or (N, H, W, C), and at most one of labels",
            f"arrays of shapes {found}",
            "reshape them, or give another pair",
        )
    return Chosen(images[0], labels[0] if labels else None)


def choose_split(file: str, splits: Mapping[str, str], wanted: str | None) -> tuple[str, list[str]]:
    """Choose among the splits of a source: the one asked for, the only one, or else test.

    Args:
        file: for messages.
        splits: of each split an array or file that belongs to it; the split ``""`` is one without a name.
        wanted: ``--split``.

    Returns:
        The split, and notes on the choice.

    Raises:
        DataError: the split asked for isn't there, or there are several and no test split.
    """
    known = sorted(split for split in splits if split)
    if wanted is not None:
        split = canonical(wanted)
        if split not in splits:
            found = ", ".join(known) or "a set without splits"
            raise DataError(f"{file}: a split {wanted!r}", found, "give --split one of its splits, or leave it out")
        return split, []
    if len(splits) == 1:
        (split,) = splits
        return split, [f"the split {split!r} was read, the only one"] if split not in {"", "test"} else []
    if "test" in splits and "" not in splits:
        return "test", [f"the split 'test' was read, of {' and '.join(known)}"]
    raise DataError(
        f"{file}: one set of images",
        " and ".join(printable(splits[split]) for split in sorted(splits)),
        "choose with --split NAME or --keys IMAGES,LABELS",
    )


def split_of(words: str, wanted: str | None) -> str:
    """The split that a name such as ``x_test`` or ``data/train-00000`` belongs to, ``""`` if it names none."""
    known = [canonical(word) for word in _words(words) if word in SPLITS or word == (wanted or "").lower()]
    return known[-1] if known else ""


def canonical(split: str) -> str:
    """The usual name of a split: ``validation`` is ``val``."""
    return SPLITS.get(split.lower(), split.lower())


def listed(names: Sequence[str]) -> str:
    """Some names, for a message."""
    return (
        ", ".join(map(printable, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "") or "nothing"
    )


def _parsed(name: str, wanted: str | None) -> tuple[str, str]:
    """The split and the role in a name: ``x_test`` is ("test", "x"), ``test/images`` is ("test", "images")."""
    for part in reversed(name.split("/")):
        words = [word for word in _words(part) if word not in SPLITS and word != (wanted or "").lower()]
        if words:
            return split_of(name, wanted), "_".join(words)
    return split_of(name, wanted), ""


def _words(name: str) -> list[str]:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)  # trainX
    name = re.sub(r"(?<![A-Za-z])([XxYy])(?=(train|test|val))", r"\1_", name)  # Xtest
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]


def _named(file: str, names: Sequence[str], options: ReadOptions) -> Chosen:
    if options.split is not None:
        raise DataError(f"{file}: --keys or --split", "both", "--keys names the arrays of one split already")
    keys = [key.strip("/").removesuffix(".npy") for key in options.keys]
    if len(keys) > 2:
        raise DataError("--keys IMAGES or --keys IMAGES,LABELS", f"{len(keys)} names", "name at most two arrays")
    for key in keys:
        if key not in names:
            raise DataError(f"{file}: an array {key!r}", listed(names), "check --keys")
    return Chosen(keys[0], keys[1] if len(keys) > 1 else None)


def _by_shape(file: str, names: Sequence[str], shape_of: Callable[[str], tuple[int, ...]]) -> Chosen:
    if not 1 <= len(names) <= 2:
        raise DataError(f"{file}: arrays of the usual names, such as images and labels", listed(names), _KEYS)
    return told_apart(file, {name: shape_of(name) for name in names})


def _only(file: str, kind: str, names: list[str]) -> str:
    if len(names) > 1:
        raise DataError(f"{file}: one array of {kind}", " and ".join(map(printable, names)), _KEYS)
    return names[0]
