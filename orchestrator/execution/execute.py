"""Executes a planned run: broker, workers, scheduler, progress, and the page at the end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from core.errors import ConfigError, IncompleteError, IntegrityError, StoreError
from core.run.layout import REPORT_PAGE
from core.run.manifest import Manifest
from core.run.records import RunTiming
from core.run.report import Report
from core.run.run_store import RunStore
from core.run.work_unit import REDUCE, WorkUnit
from core.runtime.fingerprint import versions
from core.runtime.settings import DEFAULT_QUEUE
from core.shard.preflight import worth_a_look
from orchestrator.broker.connection import check_broker, use_broker
from orchestrator.broker.dispatch import CeleryDispatcher
from orchestrator.broker.embedded import EmbeddedFleet
from orchestrator.broker.flower import FlowerConfig, free_port, start_flower
from orchestrator.execution.heartbeat import Heartbeat, current_orchestrator
from orchestrator.execution.logs import logs_of
from orchestrator.execution.preflight import PreflightNotes
from orchestrator.execution.scheduler import Scheduler
from orchestrator.progress.flower_events import RunEvents
from orchestrator.progress.progress import Progress
from orchestrator.progress.terminal import TerminalProgress
from orchestrator.report.page import warm_up, write_page
from tasks.app import app

MAX_AUTO_WORKERS = 16


def execute(
    run: RunStore,
    broker: str | None,
    workers: int | None,
    *,
    flower: bool = False,
    queue: str = DEFAULT_QUEUE,
    trust_model: bool = False,
    imports: tuple[str, ...] = (),
) -> Report:
    """Drive a planned run to its report. A run that is already complete is left unchanged.

    In Celery's eager mode (``task_always_eager``) there is no broker and no worker: the tasks run in this process.

    Args:
        run: the run.
        broker: its URL; None for a private server and worker processes.
        workers: number of worker processes without a broker; None for one per core.
        flower: whether Flower shows the run.
        queue: name of the queue that the workers consume.
        trust_model: whether the embedded workers may run code in the model's file; workers of a broker have their own
            setting.
        imports: modules that the embedded workers import first, if they trust the model.

    Raises:
        ConfigError: the run was planned with other software.
        BrokerError: the broker does not answer.
        StoreError: the store does not answer, or is full.
        IncompleteError: no shard could be attacked, the reduce keeps failing, or the run was cancelled.
    """
    report = _complete_report(run)
    if report is not None:
        return report
    manifest = run.manifest()
    _check_versions(manifest)
    run.uncancel()
    other = current_orchestrator(run)
    if other is not None:
        print(
            f"note: another orchestrator (process {other.pid} on {other.host}) drives this run; "
            "both go on, and no shard counts twice",
            file=sys.stderr,
        )
    else:
        run.results.withdraw_report()
    began = time.perf_counter()
    with (
        _broker(run, broker, workers, trust_model=trust_model, imports=imports) as fleet,
        _flower(run, fleet.url if fleet else broker, wanted=flower),
        _shown(manifest) as show,
    ):
        link = _Link(run, CeleryDispatcher(run, manifest, queue, preflight=_unseen(run, manifest)), fleet)
        link.scheduler = scheduler = Scheduler(run, link, link, show)
        try:
            scheduler.attack()
            attacked = time.perf_counter()
            if not run.shards.finished_indices():
                raise IncompleteError(f"no shard could be attacked: {next(iter(run.quarantine.errors().values()), '')}")
            warm_up()  # while a worker reduces
            report = scheduler.reduce()
            run.orchestrators.write_timing(
                RunTiming(attack_seconds=attacked - began, run_seconds=time.perf_counter() - began)
            )
            write_page(run, report)
            return report
        finally:
            with suppress(StoreError):  # the first error is the one to report
                link.renew_heartbeat(gone=True)


class _Link:
    """Between the scheduler and the world: dispatcher and workers, with a heartbeat at each turn."""

    scheduler: Scheduler

    def __init__(self, run: RunStore, dispatcher: CeleryDispatcher, fleet: EmbeddedFleet | None) -> None:
        self._dispatcher, self._fleet, self._heartbeat = dispatcher, fleet, Heartbeat(run)
        self._notes = PreflightNotes(run, fleet.size if fleet else None, self._open_images)

    def send(self, unit: WorkUnit) -> None:
        """See Dispatcher."""
        if unit == REDUCE:
            self.renew_heartbeat(now=True)  # the reduce reports what this process did
            self._notes.poll(now=True)
        self._dispatcher.send(unit)

    def why_idle(self) -> str:
        """See Dispatcher."""
        return self._dispatcher.why_idle()

    def tend(self) -> list[str]:
        """See Workers."""
        self.renew_heartbeat()
        self._notes.poll()
        return self._fleet.tend() if self._fleet else []

    def replace(self, name: str) -> None:
        """See Workers."""
        if self._fleet:
            self._fleet.end_worker(name)

    def _open_images(self) -> int:
        progress = self.scheduler.progress
        return progress.total_images - progress.images

    def renew_heartbeat(self, *, now: bool = False, gone: bool = False) -> None:
        """Write what this process did so far, if it is due."""
        counters = self.scheduler.counters
        self._heartbeat.renew(
            now=now,
            gone=gone,
            messages=counters.messages,
            speculative_attempts=counters.speculative_attempts,
            damaged_shards=counters.damaged_shards,
            workers_restarted=self._fleet.restarts if self._fleet else 0,
            brokers_restarted=self._fleet.server.restarts if self._fleet else 0,
        )


def _complete_report(run: RunStore) -> Report | None:
    """The report of a run that was complete before."""
    try:
        report = run.results.report()
    except IntegrityError:
        return None
    if report is None or not report.complete:
        return None
    if not run.results.exists(REPORT_PAGE):
        write_page(run, report)  # an orchestrator may have been killed just before
    return report


def _unseen(run: RunStore, manifest: Manifest) -> bool:
    """Whether no worker has looked at the model of this run, and it is worth a look."""
    try:
        return worth_a_look(manifest) and run.preflight() is None
    except IntegrityError:
        return False


def _check_versions(manifest: Manifest) -> None:
    if manifest.versions != versions():
        planned = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
        raise ConfigError(
            f"the software that the run was planned with ({planned})",
            "another version",
            "install that one, or give the run command again: it starts a new run",
        )


@contextmanager
def _broker(
    run: RunStore, broker: str | None, workers: int | None, *, trust_model: bool, imports: tuple[str, ...]
) -> Iterator[EmbeddedFleet | None]:
    if app.conf.task_always_eager:
        yield None
        return
    if broker:
        check_broker(broker)
        use_broker(broker)
        yield None
        return
    count = workers or min(os.cpu_count() or 1, MAX_AUTO_WORKERS)
    store = run.url.rsplit("/", 1)[0]
    fleet = EmbeddedFleet(count, logs_of(run), store, trust_model=trust_model, imports=imports)
    try:
        use_broker(fleet.url)
        yield fleet
    except BaseException:
        fleet.stop()
        raise
    fleet.stop(gently=False)  # the report is there: a speculative attempt that still runs changes nothing


@contextmanager
def _flower(run: RunStore, broker: str | None, *, wanted: bool) -> Iterator[None]:
    if not wanted or broker is None:
        yield
        return
    config = FlowerConfig.create(broker, free_port())
    logs_of(run).mkdir(parents=True, exist_ok=True)
    child = start_flower(config, str(logs_of(run) / "flower.log"))
    print(config.greeting, file=sys.stderr)
    try:
        yield
    finally:
        child.stop()


@contextmanager
def _shown(manifest: Manifest) -> Iterator[Callable[[Progress], None]]:
    """Shows the run's progress on the terminal and, by events, in Flower."""
    with TerminalProgress(f"run {manifest.run_id}") as terminal:
        if app.conf.task_always_eager:
            yield terminal
            return
        with RunEvents(manifest) as events:

            def show(progress: Progress) -> None:
                terminal(progress)
                events.progress(progress)

            yield show
