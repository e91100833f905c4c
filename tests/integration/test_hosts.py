"""Broker, store, orchestrator and workers on hosts of their own, and links between them that fail."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.run.layout import ATTACK_DATA, LEDGER, REPORT
from core.run.records import Attempt
from core.run.run_store import RunStore
from core.run.work_unit import single
from orchestrator.broker.connection import use_broker
from orchestrator.broker.valkey_server import server_program
from tasks.app import app
from tests.integration.conftest import SIZE
from tests.integration.hosts import Host, HostsError, Network, namespaces, sweep
from tests.integration.s3_server import MISSING, WEED, S3Server, bucket_at
from tests.processes import ROOT, kill, only_run, processes, wait_for

_BROKER = """\
bind {address}
port 6379
requirepass {password}
dir {folder}
appendonly yes
save ""
maxmemory-policy noeviction
"""
SHORT = 6.0  # seconds without a link that nobody gives up in


@dataclass(frozen=True)
class Fleet:
    """Five hosts at work."""

    broker: Host
    store: Host
    orchestrator: Host
    workers: tuple[Host, Host]
    environment: dict[str, str]
    logs: Path

    def run(self, name: str) -> tuple[subprocess.Popen[bytes], RunStore]:
        """A run in a store of its own, planned and under way."""
        url = f"s3://bucket/{name}"
        command = (sys.executable, "-m", "orchestrator", "run", *SIZE, "--store", url)
        process = self.orchestrator.start(*command, log=self.logs / f"{name}.log", **self.environment)
        return process, only_run(url)

    def healthy(self, worker: Host) -> bool:
        """What the health check of ``docs/fleet.md`` says of a worker."""
        check = [sys.executable, "-m", "celery", "-A", "tasks.app", "inspect", "ping", "-d", f"celery@{worker.name}"]
        environment = {**os.environ, **self.environment}
        return not subprocess.run(check, env=environment, cwd=ROOT, capture_output=True, check=False).returncode


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """A network without hosts."""
    with ExitStack() as stack:
        try:
            network = stack.enter_context(Network())
        except HostsError as error:
            pytest.skip(f"hosts can't be made here: {error}")
        yield network


@pytest.fixture(scope="module")
def fleet(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Broker, store and two workers, each on its host."""
    if not WEED.exists():
        pytest.skip(MISSING)
    folder = tmp_path_factory.mktemp("hosts")
    broker, store, orchestrator = (network.host(name) for name in ("broker", "store", "orchestrator"))
    workers = network.host("worker-1"), network.host("worker-2")
    password = secrets.token_urlsafe(16)
    config = folder / "valkey.conf"
    config.write_text(_BROKER.format(address=broker.address, password=password, folder=folder))
    broker.start(server_program(), str(config), log=folder / "broker.log")
    server = S3Server.in_folder(folder, store.address)
    store.start(*server.command, log=folder / "store.log")
    with bucket_at(server.url) as environment, ExitStack() as stack:
        stack.callback(server.remove_sockets)
        environment["ADVSHARD_BROKER_URL"] = f"redis://:{password}@{broker.address}:6379/0"
        command = (sys.executable, "-m", "orchestrator", "worker", "--concurrency", "1")
        for worker in workers:
            worker.start(*command, log=folder / f"{worker.name}.log", **environment)
        yield Fleet(broker, store, orchestrator, workers, environment, folder)


def finished(process: subprocess.Popen[bytes], run: RunStore, undisturbed: bytes) -> dict[str, bytes]:
    """Wait for the end of a run, which must be that of an undisturbed one; its results."""
    assert process.wait(timeout=120) == 0
    report = run.results.report()
    assert report is not None
    assert report.complete
    assert report.n_images == 1500
    assert all(check.passed for check in report.audit), report.audit
    results = {name: run.results.content(name) for name in (ATTACK_DATA, LEDGER, REPORT)}
    assert results[ATTACK_DATA] == undisturbed
    return results


def eight_more(run: RunStore) -> None:
    """Wait until another eight shards are done."""
    before = len(run.shards.finished_indices())
    wait_for(lambda: len(run.shards.finished_indices()) >= before + 8)


def takers(run: RunStore) -> set[str]:
    """The workers whose records the run consists of."""
    return {record.worker for index in run.shards.finished_indices() if (record := run.shards.record(single(index)))}


def made(run: RunStore) -> list[dict[str, Any]]:
    """What the records say of the shards; a second execution may differ in who made it, and how fast."""
    records = [run.shards.record(single(index)) for index in sorted(run.shards.finished_indices())]
    return [record.model_dump(exclude={"worker", "seconds", "cpu_seconds"}) for record in records if record]


@contextmanager
def cut_at_work(host: Host, run: RunStore) -> Iterator[tuple[int, Attempt]]:
    """The host of a worker cut off while the worker has a shard of ``run``: which one, and its execution of it."""
    while True:
        wait_for(lambda: held(host, run))
        with host.cut_off():
            if found := held(host, run):  # it may just have ended it
                yield found
                return


def held(host: Host, run: RunStore) -> tuple[int, Attempt] | None:
    """The shard that the worker on ``host`` has, and its execution of it."""
    for index in {
        int(name) for name in run.folder.names("attempts") if name.isdecimal()
    } - run.shards.finished_indices():
        for attempt in run.attempts.of(single(index)):
            if attempt.worker == f"celery@{host.name}" and attempt.error is None:
                return index, attempt
    return None


def test_a_link_that_is_cut_and_restored(network: Network) -> None:
    host, other = network.host("one"), network.host("other")
    assert host.answers()
    with host.cut_off():
        assert not host.answers()
        assert other.answers()
    wait_for(host.answers, timeout=30)


def test_what_a_killed_run_left_is_removed(tmp_path: Path, network: Network) -> None:
    code = f"""
import pathlib, signal
from tests.integration.hosts import Network
with Network() as network:
    process = network.host("left").start("sleep", "600", log=pathlib.Path({str(tmp_path / "log")!r}))
    print(process.pid, flush=True)
    signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT) as killed:
        assert killed.stdout is not None
        sleeper = int(killed.stdout.readline())
        kill(killed.pid)
    left = f"advshard-{killed.pid}"
    assert {left, f"{left}-left"} <= set(namespaces())
    assert sleeper in processes()
    sweep()
    assert not [name for name in namespaces() if name.startswith(left)]
    assert sleeper not in processes()
    assert network.namespace in namespaces(), "that of a living process"


def test_a_run_on_hosts_of_their_own(fleet: Fleet, undisturbed: bytes) -> None:
    process, run = fleet.run("whole")
    finished(process, run, undisturbed)
    assert takers(run) == {"celery@worker-1", "celery@worker-2"}
    assert [driver.host for driver in run.orchestrators.all()] == ["orchestrator"]


def test_links_that_fail_for_a_moment(fleet: Fleet, undisturbed: bytes) -> None:
    process, run = fleet.run("moments")
    for host in (fleet.broker, fleet.store, fleet.orchestrator):
        eight_more(run)
        with host.cut_off():
            time.sleep(SHORT)
            assert process.poll() is None
    finished(process, run, undisturbed)


def test_a_broker_that_is_gone_does_not_hold_the_orchestrator_up(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("broker_url", "broker_write_url", "broker_read_url", "broker_transport_options"):
        monkeypatch.setitem(app.conf, name, app.conf[name])  # restored after the test
    use_broker(fleet.environment["ADVSHARD_BROKER_URL"])
    with app.connection_for_write() as connection:
        queue = connection.SimpleQueue("of-this-test")
        queue.put("sent")
        with fleet.broker.cut_off(), pytest.raises(connection.recoverable_connection_errors):
            queue.put("not sent")


def test_a_worker_that_comes_back_too_late(fleet: Fleet, undisturbed: bytes) -> None:
    """Its link is cut for longer than the lease: the others make its shard, and its own result changes nothing."""
    late, other = fleet.workers
    process, run = fleet.run("late")
    eight_more(run)
    with cut_at_work(late, run) as (index, execution):
        cut = time.time()
        results = finished(process, run, undisturbed)
        record = run.shards.record(single(index))
        assert record is not None
        assert record.worker == f"celery@{other.name}"
        first, second = run.attempts.of(single(index))
        assert first == execution
        shards = made(run)
    back = time.time()
    wait_for(lambda: f"[{execution.task_id}] succeeded" in (fleet.logs / f"{late.name}.log").read_text())
    ended = time.time()
    assert {name: run.results.content(name) for name in results} == results
    assert made(run) == shards
    wait_for(lambda: fleet.healthy(late))
    print(
        f"cut off for {back - cut:.0f} s; another worker had its shard after {second.started - cut:.0f} s; from the "
        f"link's return to the end of its shard {ended - back:.0f} s, to its health {time.time() - back:.0f} s"
    )
    process, run = fleet.run("after")
    finished(process, run, undisturbed)
    assert takers(run) == {"celery@worker-1", "celery@worker-2"}
