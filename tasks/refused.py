"""How many messages this worker refused: pickles, unknown tasks, malformed ones. Nothing of them was executed."""

from __future__ import annotations

from typing import Any

from celery.signals import task_rejected, task_unknown

_count = 0


def refused() -> int:
    """Their number since the worker started."""
    return _count


@task_rejected.connect  # type: ignore[untyped-decorator]
@task_unknown.connect  # type: ignore[untyped-decorator]
def count(**_: Any) -> None:
    """One more, in the worker's main process."""
    global _count  # noqa: PLW0603
    _count += 1
