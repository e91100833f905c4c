"""A report as a table on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from core.reduce.history import describe
from core.run.report import Report
from core.run.run_store import RunStore
from orchestrator.report.timing import seconds_of


def print_summary(run: RunStore, report: Report) -> None:
    """Print the main statistics of the report, and its warnings, on standard output."""
    table = Table(title=f"run {report.run_id}", show_header=False)
    statistics: dict[str, float | int | None] = {
        "images": report.n_images,
        "clean accuracy": report.clean_accuracy,
        "robust accuracy": report.robust_accuracy,
        "success rate": report.success_rate,
        "success rate after rounding to 8 bits": report.success_rate_uint8,
        "error rate": report.error_rate,
        "mean SSIM, all images": report.ssim_mean,
        "mean SSIM, successes": report.ssim_mean_success,
        "mean SSIM, uncropped": report.ssim_full_mean,
        "largest change of a pixel": report.linf_max,
        "fallbacks": report.fallback_count,
        "unchanged": report.unchanged_count,
    }
    if report.target_rate is not None:
        statistics["target rate"] = report.target_rate
    for each in report.attacks if len(report.attacks) > 1 else []:
        statistics[f"successes of {each.attack}"] = each.successes
    for name, value in statistics.items():
        table.add_row(name, number_text(value))
    for name, seconds in seconds_of(run, report).items():
        table.add_row(name.replace("_", " "), f"{seconds:.1f}")
    console = Console(markup=False)
    console.print(table)
    plain: dict[str, Any] = {"highlight": False, "soft_wrap": True}
    console.print(f"history: {describe(report.history, run.manifest().shards)}", **plain)
    for check in report.audit:
        console.print(f"audit, {check.name}: {'passed' if check.passed else 'FAILED'}: {check.detail}", **plain)
    for index, error in report.errors.items():
        console.print(f"shard {index} is quarantined: {error}", **plain)
    if not report.complete:
        missing = ", ".join(map(str, report.missing_shards))
        console.print(f"INCOMPLETE: shards {missing} are missing", **plain)


def number_text(value: float | int | None) -> str:
    """A number as text: four decimal places, or an integer."""
    if value is None:
        return "not defined"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
