"""A run from its plan to its report."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import ConfigError, IncompleteError, IntegrityError, StoreError
from core.reduce.history import history_of
from core.run.manifest import Manifest
from core.run.report import Report
from core.run.run_store import REPORT_PAGE, RunStore
from core.runtime.cache_dir import cache_dir
from core.runtime.fingerprint import versions
from orchestrator.broker.connection import check_broker, use_broker
from orchestrator.broker.dispatch import Sender
from orchestrator.broker.embedded import Fleet
from orchestrator.broker.flower import FlowerConfig, free_port, start_flower
from orchestrator.execution.heartbeat import Presence, driver_of
from orchestrator.execution.scheduler import Watch
from orchestrator.progress.flower_events import RunEvents
from orchestrator.progress.progress import State
from orchestrator.progress.terminal import Display
from orchestrator.report.page import warm_up, write_page
from tasks.app import app
from tasks.queues import DEFAULT_QUEUE

MOST_AUTO_WORKERS = 16


def work(
    run: RunStore, broker: str | None, workers: int | None, flower: bool = False, queue: str = DEFAULT_QUEUE
) -> Report:
    """Drive a planned run to its report, on the broker given or on the embedded one.

    In Celery's eager mode (``task_always_eager``) there is neither: the tasks run in this process.
    A run that is complete already is left as it is. With ``flower``, Flower shows it while it goes on.
    """
    report = _finished(run)
    if report is not None:
        return report
    manifest = run.manifest()
    if manifest.versions != versions():
        planned = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
        raise ConfigError(
            f"the software that the run was planned with ({planned})",
            "another version",
            "install that one, or give the run command again: it starts a run of its own",
        )
    run.uncancel()
    presence = Presence(run)
    other = driver_of(run)
    if other is not None:
        print(
            f"note: another orchestrator (process {other.pid} on {other.host}) is at work on this run; "
            "both go on, and no shard counts twice",
            file=sys.stderr,
        )
    else:
        run.withdraw_report()
    began = time.perf_counter()
    with (
        _broker(run, broker, workers) as fleet,
        _flower(run, fleet.url if fleet else broker, flower),
        _shown(manifest) as show,
    ):

        def beat(now: bool = False, gone: bool = False) -> None:
            state = watch.state
            presence.beat(
                now,
                gone,
                messages=state.messages,
                copies=state.copies,
                remade=state.remade,
                workers_restarted=fleet.restarts if fleet else 0,
                brokers_restarted=fleet.server.restarts if fleet else 0,
            )

        def tend() -> list[str]:
            beat()
            return fleet.tend() if fleet else []

        sender = Sender(run, manifest, queue)
        watch = Watch(
            run,
            manifest,
            sender.send,
            tend=tend,
            replace=fleet.end_worker if fleet else lambda worker: None,
            show=show,
            why_idle=sender.why_idle,
        )
        try:
            watch.shards()
            attacked = time.perf_counter()
            if not run.done():
                raise IncompleteError(f"no shard could be attacked: {next(iter(run.quarantined().values()), '')}")
            warm_up()  # while a worker reduces
            report = watch.reduce()
            seconds = {"attack_seconds": attacked - began, "run_seconds": time.perf_counter() - began}
            beat(now=True)
            return _complete(run, report.model_copy(update={"timing": {**report.timing, **seconds}}))
        finally:
            with suppress(StoreError):  # what went wrong before is to be told
                beat(gone=True)


def _finished(run: RunStore) -> Report | None:
    """The report of a run that was complete before."""
    try:
        report = run.report()
    except IntegrityError:
        return None
    if report is None or not report.complete:
        return None
    # An orchestrator may have been ended just before these.
    return report if report.history and run.folder.exists(REPORT_PAGE) else _complete(run, report)


def _complete(run: RunStore, report: Report) -> Report:
    """Add what the orchestrator knows to the report of the reduce, and draw the page."""
    report = report.model_copy(update={"history": history_of(run)})
    run.write_report(report)
    write_page(run, report)
    return report


@contextmanager
def _broker(run: RunStore, broker: str | None, workers: int | None) -> Iterator[Fleet | None]:
    if app.conf.task_always_eager:
        yield None
        return
    if broker:
        check_broker(broker)
        use_broker(broker)
        yield None
        return
    count = workers or min(os.cpu_count() or 1, MOST_AUTO_WORKERS)
    fleet = Fleet(count, logs_of(run), store=run.url.rsplit("/", 1)[0])
    try:
        use_broker(fleet.url)
        yield fleet
    except BaseException:
        fleet.stop()
        raise
    fleet.stop(gently=False)  # the report is there: a second copy that still runs changes nothing


@contextmanager
def _flower(run: RunStore, broker: str | None, wanted: bool) -> Iterator[None]:
    if not wanted or broker is None:
        yield
        return
    config = FlowerConfig.create(broker, free_port())
    logs_of(run).mkdir(parents=True, exist_ok=True)
    guarded = start_flower(config, str(logs_of(run) / "flower.log"))
    print(config.greeting, file=sys.stderr)
    try:
        yield
    finally:
        guarded.stop()


@contextmanager
def _shown(manifest: Manifest) -> Iterator[Callable[[State], None]]:
    """Shows the run's state on the terminal and, by events, in Flower."""
    if app.conf.task_always_eager:
        with Display(f"run {manifest.run_id}") as display:
            yield display
        return
    events, began = RunEvents(manifest), time.perf_counter()
    events.began()
    error: str | None = "interrupted"
    try:
        with Display(f"run {manifest.run_id}") as display:

            def show(state: State) -> None:
                display(state)
                events.progress(state)

            yield show
        error = None
    except Exception as failure:
        error = str(failure)
        raise
    finally:
        events.ended(error, time.perf_counter() - began)


def logs_of(run: RunStore) -> Path:
    """Where the embedded workers of a run write their logs."""
    return cache_dir() / "logs" / run.url.rsplit("/", 1)[-1]
