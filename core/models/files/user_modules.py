"""Imports modules of the user's own, whose classes and functions a trusted model may name.

A module is looked up in the environment first, then in the working directory, which goes last on the module path: a
``tasks.py`` of the user's shadows nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from core.errors import ConfigError, ModelError

_imported: dict[str, ModuleType] = {}


def checked_modules(given: Iterable[str]) -> tuple[str, ...]:
    """Module names as given, and .py files by their absolute path, without importing anything.

    Raises:
        ConfigError: there is no such module or file.
    """
    return tuple(_checked(each) for each in given)


def import_modules(modules: Iterable[str]) -> None:
    """Import these modules, as ``checked_modules`` gives them; each once per process.

    Raises:
        ModelError: one can't be imported.
    """
    for each in modules:
        if each in _imported:
            continue
        try:
            _imported[each] = _from_file(Path(each)) if each.endswith(".py") else _from_path(each)
        except Exception as error:  # noqa: BLE001 - a module may raise anything
            raise ModelError(
                f"--import {each}: a module that can be imported",
                f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:200]}",
                "correct it; it must be on each worker, under the same name or path",
            ) from None


def custom_objects() -> dict[str, Any]:
    """The classes and functions of the imported modules by name, for Keras."""
    return {
        name: value
        for module in _imported.values()
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and _package(value.__module__) == _package(module.__name__)
    }


def _checked(given: str) -> str:
    if given.endswith(".py"):
        file = Path(given).resolve()
        if not file.is_file():
            raise ConfigError("--import MODULE or FILE.py", f"no file {given}", "check the path")
        return str(file)
    if not all(word.isidentifier() for word in given.split(".")) or _find(_package(given), str(Path.cwd())) is None:
        raise ConfigError(
            "--import MODULE or FILE.py, with a module of this environment or of the working directory",
            repr(given),
            "install it, or give the path of a .py file",
        )
    return given


def _find(name: str, *more: str) -> Any:
    return PathFinder.find_spec(name, [*sys.path, *more])


def _from_path(name: str) -> ModuleType:
    _append(Path.cwd())
    return importlib.import_module(name)


def _from_file(file: Path) -> ModuleType:
    """Import a file under its own name, or under another if a module of that name exists."""
    taken = file.stem in sys.modules or file.stem in sys.builtin_module_names or _find(file.stem) is not None
    name = f"advshard_import_{file.stem}" if taken else file.stem
    _append(file.parent)  # for the modules that it imports
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"no module in {file}")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _append(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _package(name: str) -> str:
    return name.partition(".")[0]
