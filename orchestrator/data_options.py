"""The options of an image set, which several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from core.datasets.source import ReadOptions
from core.errors import ConfigError
from core.registry import DEFAULT_DATASET
from orchestrator.option_groups import option_group
from orchestrator.options import MODEL_GROUP

F = TypeVar("F", bound=Callable[..., Any])

_data = option_group(MODEL_GROUP)
_READ = ("keys", "split", "size", "skip_broken")


def data_options(function: F) -> F:
    """Add ``--data``, a registered image set by default, and how it is read."""
    return data_options_with(DEFAULT_DATASET)(function)


def data_options_with(default: str | None) -> Callable[[F], F]:
    """``data_options`` with another default, or none."""
    return partial(_with_data_options, default)


def _with_data_options(default: str | None, function: F) -> F:
    for decorate in reversed(
        (
            _data(
                "--data",
                default=default,
                help="A registered image set, or a file, folder, pattern or URL of yours (see docs/image-sets.md)",
            ),
            _data("--keys", metavar="X,Y", help="Arrays or columns of the images and the labels"),
            _data("--split", metavar="NAME", help="Part of the data, where there are several, such as test"),
            _data("--size", type=click.IntRange(min=1), nargs=2, metavar="H W", help="Resize image files"),
            _data("--skip-broken", is_flag=True, help="Leave out image files that can't be read"),
            _data("--classes", metavar="FILE", help="Class names in the order of the model's outputs, one per line"),
            _data("--limit", type=int, help="Attack only the first N images"),
            _data("--sample", type=int, help="Attack N images, drawn by the seed from each class in proportion"),
        )
    ):
        function = decorate(function)
    return function


def take_read_options(options: dict[str, Any]) -> ReadOptions:
    """Remove the options of reading from ``options``, and return them together."""
    found = {name: options.pop(name) for name in _READ}
    keys = tuple(filter(None, (found["keys"] or "").split(",")))
    if len(keys) > 2:
        raise ConfigError("--keys IMAGES,LABELS or --keys IMAGES", repr(found["keys"]), "name two arrays at most")
    return ReadOptions(keys, found["split"], found["size"] or None, found["skip_broken"])


def class_names(path: str | None) -> tuple[str, ...]:
    """The class names in a file: one per line, or a JSON list.

    Raises:
        ConfigError: there is no such file, or it holds no names or one twice.
    """
    if path is None:
        return ()
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("--classes FILE with class names", f"{path}: {error}", "give a text file") from None
    names = _json_names(path, text) if text.lstrip().startswith("[") else [line.strip() for line in text.splitlines()]
    while names and not names[-1]:
        names.pop()
    if not names or not all(names):
        raise ConfigError(
            f"{path}: a class name on each line", "an empty one", "name every class, in the model's order"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{path}: each class name once", f"{twice[0]!r} twice", "rename one of them")
    return tuple(names)


def _json_names(path: str, text: str) -> list[str]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}: a JSON list of class names", str(error), "correct it") from None
    if not all(isinstance(name, str) for name in found):
        raise ConfigError(f"{path}: a JSON list of class names", "other values in it", "write each name as a string")
    return list(found)
