from __future__ import annotations

from pathlib import Path

from orchestrator.doctor.finding import Level
from orchestrator.doctor.packages import check_packages, judge_packages

ROOT = Path("/opt/site-packages")
OURS = {name: f"/opt/site-packages/{name}/__init__.py" for name in ("core", "tasks", "orchestrator")}


def test_packages_side_by_side_are_ours() -> None:
    (found,) = judge_packages("this process", OURS, ROOT)
    assert (found.level, found.detail) == (
        Level.OK,
        "this process: core, tasks, orchestrator from /opt/site-packages",
    )


def test_a_foreign_package_is_named_with_what_to_do() -> None:
    (found,) = judge_packages("child processes", {**OURS, "core": "/home/me/core/__init__.py"}, ROOT)
    assert found.level is Level.FAILED
    assert "core from /home/me/core/__init__.py, not from /opt/site-packages" in found.detail
    assert "PYTHONPATH" in found.detail


def test_a_failed_import_is_a_failure() -> None:
    (found,) = judge_packages("child processes", {}, ROOT)
    assert found.level is Level.FAILED


def test_here_they_are_ours() -> None:
    assert {finding.level for finding in check_packages()} == {Level.OK}
