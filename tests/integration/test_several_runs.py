"""Several runs on one fleet: each gets its share, and a named queue has workers of its own."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from core.run.layout import ATTACK_DATA
from core.run.work_unit import single
from orchestrator.broker.connection import use_broker
from orchestrator.broker.dispatch import CeleryDispatcher
from orchestrator.broker.valkey_server import ValkeyServer
from tasks.app import app
from tasks.queues import PARTITIONS, partitions
from tests.processes import command, descendants, kill, only_run, processes, started, wait_for
from tests.runs import planned


def test_a_short_run_ends_while_a_long_one_goes_on(tmp_path: Path, undisturbed: bytes, server: ValkeyServer) -> None:
    environment = {"ADVSHARD_BROKER_URL": server.url}
    # Many tiny shards: far more than are done while a command starts, attacks 8 shards and draws its page.
    long = ("run", "--limit", "1500", "--shards", "750", "--store", str(tmp_path / "long"))
    short = ("run", "--limit", "80", "--shards", "8", "--store", str(tmp_path / "short"))
    with (
        started("worker", "--concurrency", "1", "--loglevel", "WARNING", **environment),
        started(*long, **environment) as process,
    ):
        run = only_run(tmp_path / "long")
        wait_for(lambda: len(run.shards.finished_indices()) >= 5)
        done = command(*short, **environment)
        under_way = len(run.shards.finished_indices())
        assert done.returncode == 0, done.stderr
        assert under_way < 750, "the short run waited for the long one"
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    expected = np.load(io.BytesIO(undisturbed))
    for name, count in (("long", 1500), ("short", 80)):
        found = np.load(io.BytesIO(only_run(tmp_path / name).results.content(ATTACK_DATA)))
        np.testing.assert_array_equal(found, expected[:count])


def test_a_named_queue_is_for_its_own_workers(tmp_path: Path, server: ValkeyServer) -> None:
    environment = {"ADVSHARD_BROKER_URL": server.url}
    arguments = ("run", "--limit", "60", "--shards", "4", "--store", str(tmp_path), "--queue", "gpu")
    with (
        started("worker", "--concurrency", "1", "--name", "others", **environment),
        started(*arguments, **environment) as process,
    ):
        run = only_run(tmp_path)
        assert process.stderr is not None
        lines: list[str] = []
        while not any("and its queue 'gpu'" in line for line in lines):
            lines.append(process.stderr.readline())
            assert len(lines) < 20, lines
        assert run.shards.finished_indices() == set()
        with started("worker", "--concurrency", "1", "--name", "gpus", "--queues", "other,gpu", **environment):
            process.kill()
            done = command("resume", run.url, "--queue", "gpu", **environment)
    assert done.returncode == 0, done.stderr
    assert {attempt.worker.split("@")[0] for i in range(4) for attempt in run.attempts.of(single(i))} == {"gpus"}


@pytest.fixture
def client(server: ValkeyServer) -> Iterator[Any]:
    """A client of the broker that this process's app sends to."""
    kept = app.conf.broker_url
    use_broker(server.url)
    password, path = server.url.removeprefix("redis+socket://:").split("@", 1)
    client = redis.Redis(unix_socket_path=path.split("?")[0], password=password)
    yield client
    client.close()
    app.pool.force_close_all()
    use_broker(kept)


def lengths(client: Any) -> list[int]:
    return [client.llen(partition) for partition in partitions()]


@pytest.mark.parametrize("empty", [0, PARTITIONS - 1])
def test_a_run_takes_the_emptiest_partition_and_keeps_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Any, empty: int
) -> None:
    run = planned(tmp_path, monkeypatch)
    for partition in partitions():
        client.rpush(partition, *(["x"] if partition == partitions()[empty] else ["x", "x"]))
    sender = CeleryDispatcher(run, run.manifest())
    for part in (0, 1, 2):
        sender.send(single(part))
    assert lengths(client) == [4 if partition == empty else 2 for partition in range(PARTITIONS)]


def test_runs_spread_over_empty_partitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Any) -> None:
    run = planned(tmp_path, monkeypatch)
    for _ in range(PARTITIONS):
        CeleryDispatcher(run, run.manifest()).send(single(0))
    assert lengths(client) == [1] * PARTITIONS


def test_the_partition_is_chosen_again_when_the_broker_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Any, server: ValkeyServer
) -> None:
    run = planned(tmp_path, monkeypatch)
    sender = CeleryDispatcher(run, run.manifest())
    sender.send(single(0))
    used = lengths(client).index(1)
    everything = processes()
    # Not its guard, which would remove its folder.
    (pid,) = [pid for pid in descendants(os.getpid()) if "valkey-server" in everything[pid][1].split()[0]]
    kill(pid)
    wait_for(lambda: not server.alive())
    with pytest.raises(ConnectionError):
        sender.send(single(1))
    with pytest.raises(ConnectionError):
        sender.send(single(1))
    server.restart()
    sender.send(single(1))
    assert lengths(client)[used] == 1
    assert sum(lengths(client)) == 2
