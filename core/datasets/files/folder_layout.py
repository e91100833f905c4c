"""What the names of a folder's images say: which split they belong to, and which class."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.datasets.files.decode import IMAGE_SUFFIXES
from core.errors import DataError

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
NO_LABELS = "the images have no labels, since there are no class folders"
_SHOWN = 8


@dataclass(frozen=True)
class Layout:
    """Images and what is known of them.

    Attributes:
        files: their paths below the folder, in order.
        labels: (n,), one per file: int64 class numbers, or names; None if there are none.
        class_names: of the numbers.
        notes: one sentence for each choice that was made.
    """

    files: list[str]
    labels: NDArray[np.int64] | NDArray[np.str_] | None
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def is_image(path: str) -> bool:
    """Whether a path has the suffix of an image format, in any case."""
    return path.lower().endswith(IMAGE_SUFFIXES)


def choose_split(name: str, files: Sequence[str], wanted: str | None) -> tuple[str, list[str]]:
    """The folder of the split to read.

    The top folders are splits if each that holds images has the name of a split, such as ``test``. Otherwise they are
    classes, one of which may be called ``train``.

    Args:
        name: of the set, for messages.
        files: paths of its images below the folder.
        wanted: the split asked for; None takes the only one, or else test.

    Returns:
        The folder with a slash, or an empty string for a set without splits; and notes on the choice.

    Raises:
        DataError: the split asked for isn't there, or there are several and none is test.

    Example:
        >>> choose_split("photos", ["test/cat/1.png", "train/cat/2.png"], None)
        ('test/', ["the split 'test' was read, of test and train"])
    """
    tops = sorted({path.split("/")[0] for path in files if "/" in path})
    if wanted is not None:
        named = [top for top in tops if top == wanted] or [top for top in tops if _split(top) == _split(wanted)]
        if len(named) != 1:
            raise DataError(f"{name}: a folder of the split {wanted!r}", _listed(tops), "correct --split")
        return f"{named[0]}/", []
    if not tops or any("/" not in path for path in files):
        return "", []
    others = [top for top in tops if top.lower() not in SPLITS]
    if others:
        direct = {posixpath.dirname(path) for path in files}
        suspect = [top for top in tops if top not in others and top not in direct]
        note = f"the folders {_listed(suspect)} were read as classes beside {_listed(others)}, not as splits"
        return "", [f"{note}; give --split {suspect[0]} for the other reading"] if suspect else []
    test = [top for top in tops if _split(top) == "test"]
    chosen = tops if len(tops) == 1 else test
    if len(chosen) != 1:
        raise DataError(f"{name}: one set of images", f"the splits {_listed(tops)}", "choose one with --split")
    known = f"of {_listed(tops)}" if len(tops) > 1 else "the only one"
    return f"{chosen[0]}/", [f"the split {chosen[0]!r} was read, {known}"]


def lay_out(name: str, files: Sequence[str], folders: Sequence[str]) -> Layout:
    """Read a folder as Keras's ``image_dataset_from_directory`` does: each folder in it is a class.

    Args:
        name: of the set, for messages.
        files: paths of its images, relative to the folder.
        folders: the paths of all its folders; those without images are classes too.

    Raises:
        DataError: there are no images, or some in class folders and some beside them.

    Example:
        >>> layout = lay_out("photos", ["dog/a.png", "cat/b.png"], ["cat", "dog", "emu"])
        >>> layout.files, layout.labels.tolist(), layout.class_names
        (['cat/b.png', 'dog/a.png'], [0, 1], ('cat', 'dog', 'emu'))
    """
    if not files:
        raise DataError(f"{name}: image files", "none", f"give a folder of {' '.join(IMAGE_SUFFIXES)} files")
    nested = [path for path in files if "/" in path]
    if not nested:
        return Layout(sorted(files), None, (), (NO_LABELS,))
    if len(nested) < len(files):
        flat = min(path for path in files if "/" not in path)
        raise DataError(
            f"{name}: class folders, or images alone",
            f"{len(files) - len(nested):,} images such as {flat}, and {len(nested):,} in folders such as {min(nested)}",
            "move the former away to read classes, or the latter into one folder to read images without labels",
        )
    held = {path.split("/")[0] for path in files}
    classes = sorted(held | {folder.split("/")[0] for folder in folders})
    notes = []
    if len(held) < len(classes):
        empty = [each for each in classes if each not in held]
        notes.append(f"classes without images: {_listed(empty)}")
    direct = {posixpath.dirname(path) for path in files}
    if len(classes) == 1 and len(direct) > 1:
        notes.append(f"all images have one class, {classes[0]!r}; give that folder if the folders in it are classes")
    number = {each: index for index, each in enumerate(classes)}
    # Keras walks each class folder by folder.
    ordered = sorted(files, key=lambda path: (number[path.split("/")[0]], *posixpath.split(path)))
    labels = np.array([number[path.split("/")[0]] for path in ordered], np.int64)
    return Layout(ordered, labels, tuple(classes), tuple(notes))


def other_files(files: Sequence[str]) -> list[str]:
    """A note on files of other kinds, if there are any."""
    suffixes = Counter(posixpath.splitext(path)[1].lower() or "no suffix" for path in files if not is_image(path))
    counts = [f"{suffix} ({count:,})" for suffix, count in suffixes.most_common(_SHOWN)]
    return [f"files of other kinds were left out: {', '.join(counts)}"] if counts else []


def _split(folder: str) -> str:
    return SPLITS.get(folder.lower(), folder.lower())


def _listed(names: Sequence[str]) -> str:
    if len(names) > _SHOWN:
        return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN:,} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "no folders"
