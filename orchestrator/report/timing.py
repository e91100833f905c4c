"""The durations of a run: those that the reduce reported, and those of the orchestrator."""

from __future__ import annotations

from core.errors import IntegrityError
from core.run.report import Report
from core.run.run_store import RunStore


def seconds_of(run: RunStore, report: Report) -> dict[str, float]:
    """Durations in seconds by their names. The orchestrator's are missing where none has finished the run."""
    try:
        timing = run.orchestrators.timing()
    except IntegrityError:
        timing = None
    return {**report.timing, **(timing.model_dump() if timing else {})}
