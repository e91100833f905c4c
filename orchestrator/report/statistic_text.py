"""A statistic of a report as text, the same on the terminal, the page and in a notebook."""

from __future__ import annotations

from core.run.report import NEED_LABELS, Report


def statistic_text(report: Report, name: str) -> str:
    """A statistic with four decimal places, or as an integer.

    Args:
        report: the report.
        name: its field with a number or None.

    Returns:
        The number; ``no labels`` where the images have none to compute it from, ``not defined`` where else it is None.
    """
    value: float | int | None = getattr(report, name)
    if value is None:
        return "no labels" if name in NEED_LABELS else "not defined"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
