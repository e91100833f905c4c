"""``compare``: show the differences between two runs."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from core.errors import ConfigError
from core.run.manifest import RunConfig
from core.run.report import Report
from core.run.run_store import RunStore
from orchestrator.options import find_run, store_option
from orchestrator.report.statistic_text import statistic_text

_STATISTICS = (
    "n_images",
    "clean_accuracy",
    "robust_accuracy",
    "success_rate",
    "success_rate_uint8",
    "error_rate",
    "ssim_mean",
    "ssim_mean_success",
    "ssim_full_mean",
    "linf_max",
    "fallback_count",
    "unchanged_count",
    "steps_mean",
)


@click.command("compare")
@click.argument("first")
@click.argument("second")
@store_option
def compare_command(first: str, second: str, store: str | None) -> None:
    """Compare two runs (ids or URLs): the settings that differ, and the statistics of both."""
    runs = [find_run(run, store) for run in (first, second)]
    reports = [_report(run) for run in runs]
    table = Table("", *(report.run_id for report in reports))
    made = [_made(run) for run in runs]
    for name in dict.fromkeys((*made[0], *made[1])):
        values = [str(each.get(name, "")) for each in made]
        if values[0] != values[1]:
            table.add_row(name, *values)
    table.add_section()
    for name in _STATISTICS:
        table.add_row(name.replace("_", " "), *(statistic_text(report, name) for report in reports))
    same = reports[0].attack_data_sha256 == reports[1].attack_data_sha256
    table.add_row("attack_data.npy", *(["the same bytes"] * 2 if same else ["differs"] * 2))
    Console(markup=False).print(table)


def _report(run: RunStore) -> Report:
    report = run.results.report()
    if report is None:
        raise ConfigError("two runs with reports", f"{run.url}, which has none", "resume it first")
    return report


def _made(run: RunStore) -> dict[str, object]:
    """All settings that determine a run's result, as a flat dictionary."""
    manifest = run.manifest()
    config = manifest.config
    return {
        "data": f"{manifest.data.name} {manifest.data.images.sha256[:12]}",
        "model": f"{manifest.model.name} {manifest.model.file.sha256[:12]}",
        "attack": config.attack,
        **_stages(config),
        "labels": config.labels,
        "target": config.target,
        "bounds": config.bounds,
        "seed": config.seed,
        "batch size": config.batch_size,
        "shards": manifest.shards,
        "versions": manifest.versions,
    }


def _stages(config: RunConfig) -> dict[str, object]:
    """All hyper-parameters; those of the first attack have no prefix."""
    found: dict[str, object] = {}
    for place, stage in enumerate(config.stages):
        prefix = "fallback " if stage.only_unchanged else f"{stage.attack} " if place else ""
        if stage.only_unchanged:
            found["fallback"] = stage.attack
        assets = {name: blob.sha256[:12] for name, blob in stage.assets.items()}
        found.update({f"{prefix}{name}": value for name, value in {**stage.params, **assets}.items()})
    return found
