"""CONTRIBUTING.md, followed to the letter: its files are written where it says, and its commands are given."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
FILES = re.findall(r"`((?:core|tests)/[\w/]+\.py)`[^`]*?\n\n```python\n(.*?)```", PAGE, re.DOTALL)
((COMMANDS),) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
CONTRACT, LISTING, SPARSE, CONTRAST = COMMANDS.splitlines()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source with the page's files added to it."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in ("core", "tasks", "orchestrator", "tests"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    assert len(FILES) == PAGE.count("```python") == 3
    for name, content in FILES:
        assert not (tree / name).exists()
        (tree / name).write_text(content)
    return tree


def given(tree: Path, command: str, *more: str) -> str:
    """What a command of the page prints, in the tree."""
    program, *arguments = shlex.split(command)
    module = {"advshard": ["orchestrator"], "pytest": ["pytest", "-p", "no:cacheprovider"]}[program]
    line = [sys.executable, "-m", *module, *arguments, *more]
    # As in a clone, whose own environment imports from it in every process.
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(line, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def report(tree: Path, command: str, *more: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The stage and the report of a run that a command of the page starts."""
    url = given(tree, command, "--shards", "2", "--workers", "1", "--store", str(tree / "runs"), *more)
    run = Path(url.splitlines()[-1])
    (stage, *_) = json.loads((run / "manifest.json").read_text())["config"]["stages"]
    found = json.loads((run / "report.json").read_text())
    assert found["complete"]
    assert all(check["passed"] for check in found["audit"])
    return stage, found


def test_the_contract_tests_find_both(tree: Path) -> None:
    assert "4 passed" in given(tree, CONTRACT)


def test_they_do_what_the_page_says(tree: Path) -> None:
    own = next(name for name, _ in FILES if name.startswith("tests/"))
    assert "1 passed" in given(tree, f"pytest {own}")
    assert "7 passed" in given(tree, "pytest tests/acceptance/contributed.py")


def test_the_files_pass_the_linters(tree: Path) -> None:
    names = [str(tree / name) for name, _ in FILES]
    for line in (["ruff", "format", "--check"], ["ruff", "check"]):
        done = subprocess.run(
            [sys.executable, "-m", *line, *names], cwd=tree, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_it_is_listed(tree: Path) -> None:
    listed = given(tree, LISTING)
    assert "d <- grad where |grad| is among the largest" in " ".join(listed.split())
    assert re.search(r"share +0\.2 +number > 0.* +share of an image's values", listed)


def test_the_share_decides_how_robust_the_model_looks(tree: Path) -> None:
    stage, few = report(tree, SPARSE)
    assert stage["attack"] == "sparse"
    assert stage["params"]["share"] == 0.1
    assert few["n_images"] == 200
    assert few["robust_accuracy"] < few["clean_accuracy"]
    _, many = report(tree, SPARSE.replace("share=0.1", "share=0.5"))
    assert many["robust_accuracy"] < few["robust_accuracy"] - 0.1


def test_less_contrast_makes_the_model_fail(tree: Path) -> None:
    stage, found = report(tree, CONTRAST)
    assert stage["attack"] == "contrast"
    assert found["robust_accuracy"] < found["clean_accuracy"] / 2
