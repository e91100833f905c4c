"""``list``, ``status``, ``cancel`` and ``report``: commands for runs that need only the store."""

from __future__ import annotations

import time

import click
from rich.console import Console
from rich.table import Table

from core.errors import ConfigError
from core.run.layout import REPORT_PAGE
from core.run.manifest import Manifest
from core.run.run_store import RunStore
from core.run.store import Store
from orchestrator.execution.completed import Completed
from orchestrator.execution.heartbeat import EXPIRY, current_orchestrator
from orchestrator.execution.poll_throttle import PollThrottle
from orchestrator.execution.run_state import state_of
from orchestrator.exit_codes import INCOMPLETE
from orchestrator.options import find_run, store_option, store_url
from orchestrator.progress.progress import Progress, Rate
from orchestrator.progress.terminal import TerminalProgress


@click.command("list")
@store_option
def list_command(store: str | None) -> None:
    """List the runs of a store, newest last."""
    table = Table("run", "created (UTC)", "data", "model", "attack", "images", "shards", "state", "success", "SSIM")
    runs, unreadable = Store(store_url(store)).by_age()
    for run, manifest in runs:
        report = run.results.report()
        table.add_row(
            manifest.run_id,
            manifest.created[:19],
            manifest.data.name,
            manifest.model.name,
            manifest.config.attack,
            str(manifest.data.count),
            str(manifest.shards),
            state_of(run, manifest),
            f"{report.success_rate:.4f}" if report else "",
            f"{report.ssim_mean:.4f}" if report and report.ssim_mean is not None else "",
        )
    for url, error in unreadable.items():
        click.echo(f"unreadable: {url}: {error}", err=True)
    # Names come from paths and from the store, and may look like markup.
    Console(width=160 if not Console().is_terminal else None, markup=False).print(table)


@click.command("cancel")
@click.argument("run")
@store_option
def cancel_command(run: str, store: str | None) -> None:
    """Ask all processes that work on RUN (an id or a URL) to stop. Its finished shards stay; 'resume' continues it."""
    found = find_run(run, store)
    report = found.results.report()
    if report is not None and report.complete:
        raise ConfigError("an incomplete run", f"{found.url}, which is complete", "there is nothing to cancel")
    found.cancel()
    click.echo(f"cancelled; resume it with: advshard resume {found.url}")


@click.command("status")
@click.argument("run", required=False)
@click.option("--watch", is_flag=True, help="Follow the run until it ends; exit code 3 if it ends incomplete")
@store_option
def status_command(*, run: str | None, store: str | None, watch: bool) -> int:
    """Show the progress of RUN (an id or a URL; by default the newest run)."""
    found = find_run(run, store)
    manifest = found.manifest()
    if watch:
        _follow(found, manifest)
    finished, quarantined = found.shards.finished_indices(), found.quarantine.errors()
    orchestrator = current_orchestrator(found)
    click.echo(f"run          {found.url}")
    click.echo(f"state        {state_of(found, manifest)}")
    click.echo(f"shards       {len(finished)}/{manifest.shards} finished, {len(quarantined)} quarantined")
    click.echo(f"orchestrator {f'process {orchestrator.pid} on {orchestrator.host}' if orchestrator else 'none'}")
    for index, error in quarantined.items():
        click.echo(f"quarantined  shard {index}: {error}")
    return INCOMPLETE if watch and state_of(found, manifest) != "complete" else 0


def _follow(run: RunStore, manifest: Manifest) -> None:
    """Show the run's progress until it is complete or no process works on it."""
    completed, rate, throttle, quarantined = Completed(manifest), Rate(), PollThrottle(), 0
    grace = time.monotonic() + EXPIRY  # for an orchestrator that is just starting
    shown = -1
    with TerminalProgress(f"run {manifest.run_id}") as show:
        while True:
            if throttle.due():
                with throttle:
                    _count_finished(run, completed)
                    quarantined = len(run.quarantine.errors())
            if completed.images != shown:
                shown = completed.images
                rate.add(time.monotonic(), shown)
            show(
                Progress(
                    total_shards=manifest.shards,
                    total_images=manifest.data.count,
                    shards=completed.shards,
                    images=completed.images,
                    successes=completed.successes,
                    quarantined=quarantined,
                    began=rate.began,
                    rate=rate.per_second,
                )
            )
            current = state_of(run, manifest)
            if current == "complete" or (current != "running" and time.monotonic() > grace):
                return
            time.sleep(1)


def _count_finished(run: RunStore, completed: Completed) -> None:
    new = (shards for shards in run.shards.finished() if shards.first not in completed)
    for records, _ in run.shards.all_records(new):
        for record in records.values():
            completed.add(record)


@click.command("report")
@click.argument("run", required=False)
@store_option
def report_command(run: str | None, store: str | None) -> None:
    """Print the report of RUN (an id or a URL; by default the newest run) and render its page again."""
    from orchestrator.report.page import write_page
    from orchestrator.report.terminal import print_summary

    found = find_run(run, store)
    report = found.results.report()
    if report is None:
        raise ConfigError("a run with a report", f"{found.url}, which has none", "resume it first")
    write_page(found, report)
    print_summary(found, report)
    click.echo(f"{found.url}/{REPORT_PAGE}")
