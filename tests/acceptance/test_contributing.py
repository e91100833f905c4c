"""CONTRIBUTING.md, followed to the letter: its attack is one file, is tested by being there, and runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source with the example's file added to it."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in ("core", "tasks", "orchestrator", "tests"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tree / "core" / "attacks" / "yours.py").write_text(example)
    return tree


def python(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Python looks for modules in the folder that it is called in first.
    line = [sys.executable, "-m", *arguments]
    return subprocess.run(line, cwd=tree, capture_output=True, text=True, check=False, timeout=240)


def test_it_passes_the_contract_tests(tree: Path) -> None:
    done = python(
        tree, "pytest", "-p", "no:cacheprovider", "tests/unit/core/test_registered.py", "-k", "test_attack and yours"
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_it_is_listed(tree: Path) -> None:
    listed = python(tree, "orchestrator", "attacks", "yours").stdout
    assert "d <- strength * grad" in listed
    assert re.search(r"strength +1 +number > 0 +what it does", listed)


def test_it_runs_on_real_workers(tree: Path) -> None:
    asked = [
        "--attack",
        "yours",
        "--set",
        "strength=2",
        "--limit",
        "40",
        "--shards",
        "2",
        "--store",
        str(tree / "runs"),
    ]
    done = python(tree, "orchestrator", "run", *asked)
    assert done.returncode == 0, done.stderr
    run = Path(done.stdout.splitlines()[-1])
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["config"]["stages"][0]["attack"] == "yours"
    assert manifest["config"]["stages"][0]["params"]["strength"] == 2
    report = json.loads((run / "report.json").read_text())
    assert report["complete"]
    assert report["success_rate"] > 0.9
    assert all(check["passed"] for check in report["audit"])
