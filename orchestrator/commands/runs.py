"""``list``, ``status`` and ``report``: what is in a store, from the store alone."""

from __future__ import annotations

import time

import click
from rich.console import Console
from rich.table import Table

from core.errors import ConfigError
from core.run.manifest import Manifest
from core.run.run_store import REPORT_PAGE, RunStore
from core.run.shard_range import indices_of
from core.run.store import Store
from orchestrator.execution.completed import Tally
from orchestrator.execution.heartbeat import FRESH, driver_of
from orchestrator.execution.poll_throttle import Pace
from orchestrator.exit_codes import INCOMPLETE
from orchestrator.options import find_run, store_option, store_url
from orchestrator.progress.progress import State
from orchestrator.progress.terminal import Display


@click.command("list")
@store_option
def list_command(store: str | None) -> None:
    """The runs of a store, the newest last."""
    table = Table("run", "created (UTC)", "data", "model", "attack", "images", "shards", "state", "success", "SSIM")
    runs, damaged = Store(store_url(store)).by_age()
    for run, manifest in runs:
        report = run.report()
        table.add_row(
            manifest.run_id,
            manifest.created[:19],
            manifest.data.name,
            manifest.model.name,
            manifest.config.attack,
            str(manifest.data.count),
            str(manifest.shards),
            _state(run, manifest),
            f"{report.success_rate:.4f}" if report else "",
            f"{report.ssim_mean:.4f}" if report and report.ssim_mean is not None else "",
        )
    for url, error in damaged.items():
        click.echo(f"damaged: {url}: {error}", err=True)
    # Names come from paths and from the store: what looks like markup is none.
    Console(width=160 if not Console().is_terminal else None, markup=False).print(table)


@click.command("cancel")
@click.argument("run")
@store_option
def cancel_command(run: str, store: str | None) -> None:
    """Ask whoever works on RUN (an id or a URL) to stop. What is done stays; 'resume' goes on with it."""
    found = find_run(run, store)
    report = found.report()
    if report is not None and report.complete:
        raise ConfigError("a run that isn't complete", found.url, "there is nothing to cancel")
    found.cancel()
    click.echo(f"cancelled; go on with: python -m orchestrator resume {found.url}")


@click.command("status")
@click.argument("run", required=False)
@click.option("--watch", is_flag=True, help="Follow it to its end; exit code 3 if it ends incomplete")
@store_option
def status_command(run: str | None, store: str | None, watch: bool) -> int:
    """How far RUN (an id or a URL) is, by default the newest run of the store."""
    found = find_run(run, store)
    manifest = found.manifest()
    if watch:
        _follow(found, manifest)
    done, quarantined = found.done(), found.quarantined()
    driver = driver_of(found)
    click.echo(f"run          {found.url}")
    click.echo(f"state        {_state(found, manifest)}")
    click.echo(f"shards       {len(done)}/{manifest.shards} done, {len(quarantined)} quarantined")
    click.echo(f"orchestrator {f'process {driver.pid} on {driver.host}' if driver else 'none'}")
    for index, error in quarantined.items():
        click.echo(f"quarantined  shard {index}: {error}")
    return INCOMPLETE if watch and _state(found, manifest) != "complete" else 0


def _follow(run: RunStore, manifest: Manifest) -> None:
    """Show the run's progress until nobody works on it any more."""
    state, pace = State(manifest.shards, manifest.data.count), Pace()
    seen = Tally(manifest, state)
    patience = time.monotonic() + FRESH  # somebody who starts it just now
    with Display(f"run {manifest.run_id}") as show:
        while True:
            if pace.due():
                with pace:
                    _note(run, seen)
                    state.quarantined = len(run.quarantined())
            if not state.recent or state.recent[-1][1] != state.images_done:
                state.recent.append((time.monotonic(), state.images_done))
            show(state)
            current = _state(run, manifest)
            if current == "complete" or (current != "running" and time.monotonic() > patience):
                return
            time.sleep(1)


def _note(run: RunStore, seen: Tally) -> None:
    for records, _ in run.all_records(part for part in run.finished() if indices_of(part)[0] not in seen):
        for record in records.values():
            seen.add(record)


@click.command("report")
@click.argument("run", required=False)
@store_option
def report_command(run: str | None, store: str | None) -> None:
    """Print the report of RUN and draw its page again, from what the reduce wrote."""
    from orchestrator.report.page import write_page
    from orchestrator.report.terminal import print_summary

    found = find_run(run, store)
    report = found.report()
    if report is None:
        raise ConfigError("a run that was reduced", f"{found.url}, which has no report", "resume it first")
    write_page(found, report)
    print_summary(found, report)
    click.echo(f"{found.url}/{REPORT_PAGE}")


def _state(run: RunStore, manifest: Manifest) -> str:
    report = run.report()
    if report is not None:
        return "complete" if report.complete else "incomplete"
    driver = driver_of(run)
    if driver:
        return "running"
    if run.cancelled():
        return "cancelled"
    return "to be reduced" if len(run.done()) == manifest.shards else "interrupted"
