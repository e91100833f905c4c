"""The layout of the code: folders that explain themselves, files of one idea, and tests that mirror them."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FILES = [path for package in ("core", "tasks", "orchestrator", "advshard") for path in (ROOT / package).rglob("*.py")]


def test_the_top_of_core_can_be_taken_in_at_a_glance() -> None:
    names = {path.name for path in (ROOT / "core").iterdir()} - {"__init__.py", "py.typed", "__pycache__"}
    assert len(names) <= 18, sorted(names)


def test_a_file_has_one_idea() -> None:
    assert len(FILES) > 100
    assert [path for path in FILES if len(path.read_text().splitlines()) > 350] == []


def test_every_file_and_package_says_what_is_in_it() -> None:
    assert [path for path in FILES if not ast.get_docstring(ast.parse(path.read_text()))] == []
    assert [path.parent for path in FILES if not (path.parent / "__init__.py").is_file()] == []


def test_the_unit_tests_mirror_the_code() -> None:
    here = Path(__file__).parent
    folders = {path.parent.relative_to(here) for path in here.rglob("test_*.py")}
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []
