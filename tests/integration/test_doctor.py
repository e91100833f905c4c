"""The doctor with a real broker, real workers and real stores."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import redis
from celery.utils.nodenames import gethostname

from core.runtime.fingerprint import processor
from orchestrator.broker.valkey_server import ValkeyServer
from orchestrator.doctor.broker import check_broker, clock_of_broker
from orchestrator.doctor.finding import Level
from orchestrator.doctor.storage import check_store
from tests.processes import command, started, wait_for


def lines(stdout: str, level: str, name: str) -> list[str]:
    return [line for line in stdout.splitlines() if line.startswith(f"{level:<7} {name}: ")]


def answers(*check: str, **environment: str) -> bool:
    return command(*check, **environment).returncode == 0


def test_workers_that_do_not_fit_are_named_with_the_reason(tmp_path: Path, server: ValkeyServer) -> None:
    store, host = str(tmp_path / "runs"), gethostname()
    environment = {"ADVSHARD_BROKER_URL": server.url, "ADVSHARD_STORE": store}
    other = ("-A", "tests.integration.other_version", "worker", "--concurrency", "1", "--hostname", "other@here")
    nobody = command("doctor", **environment)
    assert nobody.returncode == 2
    assert "no worker responds" in lines(nobody.stdout, "FAILED", "workers")[0]
    with ExitStack() as stack:
        stack.enter_context(started(*other, module="celery", **environment))
        for name, more in (
            ("good", {}),
            ("gpus", {"ADVSHARD_QUEUES": "gpu"}),
            ("elsewhere", {"ADVSHARD_STORE": str(tmp_path / "another")}),
        ):
            stack.enter_context(started("worker", "--concurrency", "1", "--name", name, **{**environment, **more}))
        for name in ("good", "gpus", "elsewhere"):
            check = ("worker", "--check", "--name", name)
            wait_for(partial(answers, *check, **environment), timeout=60)
        done = command("doctor", **environment)
        gpus = command("doctor", "--queue", "gpu", **environment)
    assert done.returncode == 2
    (failure,) = lines(done.stdout, "FAILED", "workers")
    assert f"elsewhere@{host} does not see the store {store}" in failure
    assert "not this worker's store" in failure
    notes = "\n".join(lines(done.stdout, "note", "workers"))
    assert "other@here does not take our shards: its software is no-such-package" in notes
    assert f"gpus@{host} does not take our shards: it takes from 'gpu', not from 'default'" in notes
    oks = "\n".join(lines(done.stdout, "ok", "workers"))
    assert f"elsewhere@{host}, good@{host}: 2 processes for queue 'default'" in oks
    assert f"good@{host} sees the store {store}; {processor()}, " in oks
    (clocks,) = lines(done.stdout, "ok", "clocks")
    assert all(name in clocks for name in ("the store", "the broker", f"good@{host}"))
    assert gpus.returncode == 0, gpus.stdout
    assert f"gpus@{host} sees the store {store}" in gpus.stdout
    assert [path.name for path in Path(store).iterdir()] == []


@pytest.fixture
def client(server: ValkeyServer) -> Iterator[redis.Redis]:
    password, path = server.url.removeprefix("redis+socket://:").split("@", 1)
    client = redis.Redis(unix_socket_path=path.split("?")[0], password=password)
    yield client
    client.close()


def test_the_settings_of_the_broker(server: ValkeyServer, client: redis.Redis) -> None:
    assert [finding.level for finding in check_broker(server.url)] == [Level.OK, Level.OK]
    assert clock_of_broker(server.url) == pytest.approx(0, abs=1)
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("appendonly", "no")
    answers, policy, appendonly = check_broker(server.url)
    assert "Valkey 9" in answers.detail
    assert policy.level is appendonly.level is Level.NOTE
    assert "allkeys-lru" in policy.detail
    assert "appendonly is no" in appendonly.detail
    client.execute_command("ACL", "SETUSER", "limited", "on", ">pw", "~*", "&*", "+@all", "-@dangerous", "-@admin")
    limited = server.url.replace(server.url.split("@")[0], "redis+socket://limited:pw")
    answers, silent = check_broker(limited)
    assert answers.level is Level.OK
    assert silent.level is Level.NOTE
    assert "its settings can't be read" in silent.detail


def test_a_store_that_can_only_be_read(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    root = os.geteuid() == 0  # whom no mode of a folder stops
    if root:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(store)], check=False)
        if mounted.returncode:
            pytest.skip("no file system can be mounted here")
    else:
        store.chmod(0o500)
    try:
        (finding,) = check_store(str(store))
    finally:
        if root:
            subprocess.run(["umount", str(store)], check=True)
    assert finding.level is Level.FAILED
    assert "check the path, its permissions" in finding.detail
