"""``prune``: remove old runs after showing what would go."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import click
from rich.console import Console
from rich.table import Table

from core.errors import ConfigError, IntegrityError
from core.run.run_store import RunStore
from core.run.store import Store
from orchestrator.execution.heartbeat import current_orchestrator
from orchestrator.execution.logs import logs_of
from orchestrator.execution.run_state import state_of
from orchestrator.options import store_option, store_url


@dataclass(frozen=True)
class _Entry:
    """A run that can be removed.

    Attributes:
        created: in UTC; empty if it is not known.
        state: as ``list`` shows it, or ``unreadable`` or ``half removed``.
    """

    run: RunStore
    created: str
    state: str


@click.command("prune")
@store_option
@click.option("--older-than", type=click.FloatRange(0, 100_000), metavar="DAYS", help="Only runs older than that")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="Keep the N newest runs")
@click.option("--incomplete", is_flag=True, help="Only runs that are not complete")
@click.option(
    "--unreadable", is_flag=True, help="Also damaged runs and those of other versions; only these, if given alone"
)
@click.option("--yes", is_flag=True, help="Remove without asking")
def prune_command(
    *,
    store: str | None,
    older_than: float | None,
    keep: int | None,
    incomplete: bool,
    unreadable: bool,
    yes: bool,
) -> None:
    """Remove runs of a store, by default all of them, after showing them and asking.

    Stays away from runs that an orchestrator drives at the moment, and from everything in the store that is not a run.
    Without a terminal to ask on, it only shows what --yes would remove.
    """
    if yes and older_than is None and keep is None and not (incomplete or unreadable):
        raise ConfigError(
            "--older-than, --keep, --incomplete or --unreadable with --yes",
            "--yes alone, which would remove every run",
            "give --keep 0 --yes if that is what you want",
        )
    place = Store(store_url(store))
    readable, damaged = _entries(place)
    only_unreadable = unreadable and older_than is None and keep is None and not incomplete
    chosen = [] if only_unreadable else _chosen(readable, older_than, keep, incomplete=incomplete)
    if unreadable:
        chosen += damaged
    elif damaged:
        for entry in damaged:
            click.echo(f"unreadable, kept without --unreadable: {entry.run.url}", err=True)
    chosen += [_Entry(run, "", "half removed") for run in place.half_removed()]
    idle = [entry for entry in chosen if not _driven(entry.run)]
    if not idle:
        click.echo(f"no runs to remove in {place.folder.url()}")
        return
    size = _show(idle)
    if not yes:
        if not sys.stdin.isatty():
            click.echo("nothing was removed; to remove these runs, give the command again with --yes")
            return
        if not click.confirm(f"Remove {_runs(len(idle))} ({size})?"):
            click.echo("nothing was removed")
            return
    removed = 0
    for entry in idle:
        if not _driven(entry.run):  # one may have started while the user was asked
            entry.run.remove()
            shutil.rmtree(logs_of(entry.run), ignore_errors=True)
            removed += 1
    click.echo(f"removed {_runs(removed)}")


def _entries(place: Store) -> tuple[list[_Entry], list[_Entry]]:
    """The readable runs, the newest last, and the unreadable ones."""
    runs, errors = place.by_age()
    readable = []
    damaged = [_Entry(RunStore(url), "", "unreadable") for url in errors]
    for run, manifest in runs:
        try:
            readable.append(_Entry(run, manifest.created, state_of(run, manifest)))
        except IntegrityError:
            damaged.append(_Entry(run, manifest.created, "unreadable"))
    return readable, damaged


def _chosen(entries: Sequence[_Entry], older_than: float | None, keep: int | None, *, incomplete: bool) -> list[_Entry]:
    """The runs, sorted by age, that every option chooses."""
    chosen = list(entries[: max(0, len(entries) - (keep or 0))])
    if older_than is not None:
        limit = datetime.now(UTC) - timedelta(days=older_than)
        chosen = [entry for entry in chosen if _created(entry) < limit]
    return [entry for entry in chosen if not incomplete or entry.state != "complete"]


def _created(entry: _Entry) -> datetime:
    try:
        created = datetime.fromisoformat(entry.created)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return created if created.tzinfo else created.replace(tzinfo=UTC)


def _driven(run: RunStore) -> bool:
    """Whether an orchestrator drives the run, with a note if so."""
    orchestrator = current_orchestrator(run)
    if orchestrator is not None:
        click.echo(f"kept: {run.url}, driven by process {orchestrator.pid} on {orchestrator.host}", err=True)
    return orchestrator is not None


def _show(entries: Sequence[_Entry]) -> str:
    """Print the runs with their sizes, and return the size of all."""
    table = Table("run", "created (UTC)", "state", "size")
    total = 0
    for entry in entries:
        size = entry.run.folder.size()
        total += size
        table.add_row(entry.run.url.rsplit("/", 1)[-1], entry.created[:19], entry.state, _megabytes(size))
    # What the store says may look like markup.
    Console(width=160 if not Console().is_terminal else None, markup=False).print(table)
    click.echo(f"{_runs(len(entries))}, {_megabytes(total)}")
    return _megabytes(total)


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
