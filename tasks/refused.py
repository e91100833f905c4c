"""Counts the messages that this worker refused without executing them: pickles, unknown tasks, malformed messages."""

from __future__ import annotations

from typing import Any

from celery.signals import task_rejected, task_unknown

_count = 0


def refused() -> int:
    """The number of messages refused since the worker started."""
    return _count


@task_rejected.connect  # type: ignore[untyped-decorator]
@task_unknown.connect  # type: ignore[untyped-decorator]
def count(**_: Any) -> None:
    """Count a refused message; runs in the worker's main process."""
    global _count  # noqa: PLW0603
    _count += 1
