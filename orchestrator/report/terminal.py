"""A report as a table on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from core.reduce.history import describe
from core.run.report import Report
from core.run.run_store import RunStore
from orchestrator.report.statistic_text import statistic_text
from orchestrator.report.timing import seconds_of

_STATISTICS = {
    "images": "n_images",
    "clean accuracy": "clean_accuracy",
    "robust accuracy": "robust_accuracy",
    "success rate": "success_rate",
    "success rate after rounding to 8 bits": "success_rate_uint8",
    "error rate": "error_rate",
    "mean SSIM, all images": "ssim_mean",
    "mean SSIM, successes": "ssim_mean_success",
    "mean SSIM, uncropped": "ssim_full_mean",
    "largest change of a pixel": "linf_max",
    "fallbacks": "fallback_count",
    "unchanged": "unchanged_count",
}


def print_summary(run: RunStore, report: Report) -> None:
    """Print the main statistics of the report, and its warnings, on standard output."""
    console = Console(markup=False)
    plain: dict[str, Any] = {"highlight": False, "soft_wrap": True}
    for gate in report.raised:
        console.print(f"WARNING, {gate.name}: {gate.detail}", **plain)
    table = Table(title=f"run {report.run_id}", show_header=False)
    for title, name in _STATISTICS.items():
        table.add_row(title, statistic_text(report, name))
    if report.target_rate is not None:
        table.add_row("target rate", statistic_text(report, "target_rate"))
    for each in report.attacks if len(report.attacks) > 1 else []:
        table.add_row(f"successes of {each.attack}", str(each.successes))
    if report.precision != "float32":
        table.add_row("gradients", report.precision)
    for name, seconds in seconds_of(run, report).items():
        table.add_row(name.replace("_", " "), f"{seconds:.1f}")
    console.print(table)
    for note in report.notes:
        console.print(f"note: {note}", **plain)
    if report.broken_images:
        first = report.broken_images[0]
        count = len(report.broken_images)
        console.print(f"left out, broken: {count}; the first is {first.name}: {first.reason}", **plain)
    console.print(f"history: {describe(report.history, run.manifest().shards)}", **plain)
    for check in report.audit:
        console.print(f"audit, {check.name}: {'passed' if check.passed else 'FAILED'}: {check.detail}", **plain)
    for index, error in report.errors.items():
        console.print(f"shard {index} is quarantined: {error}", **plain)
    if not report.complete:
        missing = ", ".join(map(str, report.missing_shards))
        console.print(f"INCOMPLETE: shards {missing} are missing", **plain)
