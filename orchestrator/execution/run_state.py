"""The state of a run in one word, for the commands that list runs."""

from __future__ import annotations

from core.run.manifest import Manifest
from core.run.run_store import RunStore
from orchestrator.execution.heartbeat import current_orchestrator


def state_of(run: RunStore, manifest: Manifest) -> str:
    """The state of a run: complete, incomplete, running, cancelled, to be reduced, or interrupted.

    Raises:
        IntegrityError: its report is damaged.
    """
    report = run.results.report()
    if report is not None:
        return "complete" if report.complete else "incomplete"
    if current_orchestrator(run):
        return "running"
    if run.cancelled():
        return "cancelled"
    return "to be reduced" if len(run.shards.finished_indices()) == manifest.shards else "interrupted"
