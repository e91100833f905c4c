"""Checks where the packages of this project are imported from, in this process and in child processes."""

from __future__ import annotations

import json
import subprocess
from importlib import import_module
from pathlib import Path

from core.runtime.child_python import python_command
from orchestrator.doctor.finding import Finding, failed, ok

_PACKAGES = ("core", "tasks", "orchestrator")
_CODE = f"""
import importlib, json
print(json.dumps({{name: importlib.import_module(name).__file__ for name in {_PACKAGES!r}}}))
"""
_TIMEOUT = 60


def check_packages() -> list[Finding]:
    """Check that no other modules named core, tasks or orchestrator shadow those of this project."""
    root = Path(__file__).parent.parent.parent
    here = {name: str(import_module(name).__file__) for name in _PACKAGES}
    return [*judge_packages("this process", here, root), *judge_packages("child processes", _in_child(), root)]


def judge_packages(where: str, files: dict[str, str], root: Path) -> list[Finding]:
    """Judge the files that packages were imported from.

    Args:
        where: which process imported them.
        files: each package's ``__file__``; empty if the import failed.
        root: the folder that must contain them.
    """
    if not files:
        return [failed("packages", f"{where} cannot import {', '.join(_PACKAGES)}", "install the package again")]
    foreign = [f"{name} from {file}" for name, file in files.items() if Path(file).parent.parent != root]
    if foreign:
        return [
            failed(
                "packages",
                f"{where} import {', '.join(foreign)}, not from {root}",
                "remove that folder from PYTHONPATH, or uninstall the other distribution",
            )
        ]
    return [ok("packages", f"{where}: {', '.join(files)} from {root}")]


def _in_child() -> dict[str, str]:
    try:
        done = subprocess.run(python_command("-c", _CODE), capture_output=True, text=True, timeout=_TIMEOUT, check=True)
        found: dict[str, str] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return found
