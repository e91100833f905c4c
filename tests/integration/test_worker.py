"""The worker command: its name, its health check, and the limits after which a process is replaced."""

from __future__ import annotations

import io
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from celery.utils.nodenames import gethostname

from core.run.layout import ATTACK_DATA
from orchestrator.broker.valkey_server import ValkeyServer
from tests.processes import ROOT, command, descendants, kill, only_run, processes, started, took, wait_for


def test_the_health_check_and_the_names(server: ValkeyServer) -> None:
    environment = {"ADVSHARD_BROKER_URL": server.url}
    arguments = ("worker", "--concurrency", "1")
    nobody = command("worker", "--check", **environment)
    assert nobody.returncode == 3
    assert nobody.stderr.count("\n") == 1
    assert f"expected an answer of the worker celery@{gethostname()}" in nobody.stderr
    with started(*arguments, **environment):
        wait_for(lambda: command("worker", "--check", **environment).returncode == 0, timeout=30)
        ping = ("-m", "celery", "-A", "tasks.app", "inspect", "ping", "-d", f"celery@{gethostname()}")
        pinged = subprocess.run([sys.executable, *ping], env=environment, cwd=ROOT, capture_output=True, check=False)
        assert pinged.returncode == 0, pinged.stderr
        assert command("worker", "--check", "--name", "celery-2", **environment).returncode == 3
        refused = command(*arguments, "--name", "celery", **environment)
        assert refused.returncode == 2
        assert "which is running" in refused.stderr
        with started(*arguments, **environment) as second:
            assert second.stderr is not None
            assert f"this worker is celery-2@{gethostname()}" in second.stderr.readline()
            checked = wait_for(
                lambda: (
                    (done := command("worker", "--check", "--name", "celery-2", **environment)).returncode == 0 and done
                ),
                timeout=30,
            )
            assert checked.stdout == f"celery-2@{gethostname()} answers\n"
    gone = command("worker", "--check", ADVSHARD_BROKER_URL="redis://:secret@127.0.0.1:1/0")
    assert gone.returncode == 3
    assert gone.stderr.count("\n") == 1
    assert "secret" not in gone.stderr


def pool(worker: int) -> set[int]:
    """The pool processes of a worker: its children, unless they became another program."""
    everything = processes()
    return {pid for pid in descendants(worker) if everything.get(pid) == (worker, everything[worker][1])}


@pytest.mark.parametrize(("limit", "tasks"), [(("--max-memory", "300"), 1), (("--max-tasks", "2"), 2)])
def test_a_process_above_its_limit_is_replaced_after_its_task(
    tmp_path: Path, undisturbed: bytes, server: ValkeyServer, limit: tuple[str, str], tasks: int
) -> None:
    environment = {"ADVSHARD_BROKER_URL": server.url}
    arguments = ("run", "--limit", "30", "--shards", "3", "--store", str(tmp_path))
    seen = set()
    with (
        started("worker", "--concurrency", "1", *limit, **environment) as worker,
        started(*arguments, **environment) as process,
    ):
        while process.poll() is None:
            seen.update(pool(worker.pid))
            time.sleep(0.02)
        _, err = process.communicate()
        assert process.returncode == 0, err
        kill(worker.pid, signal.SIGTERM)
        _, log = worker.communicate(timeout=60)
    run = only_run(tmp_path)
    report = run.results.report()
    assert report is not None
    assert report.complete
    assert took(run, 3)
    # Three shards and the reduce, or more where a message was thought to be lost.
    done = log.count(" succeeded in ")
    assert done >= 4
    # One process more may have been started for what comes next.
    assert len(seen) - math.ceil(done / tasks) in {0, 1}
    found = np.load(io.BytesIO(run.results.content(ATTACK_DATA)))
    np.testing.assert_array_equal(found, np.load(io.BytesIO(undisturbed))[:30])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--name", "a@b"), "a name of letters"),
        (("--queues", "gpu,,x"), "the name of a queue"),
        (("--max-memory", "0"), "--max-memory"),
    ],
)
def test_options_that_do_not_fit(options: tuple[str, ...], words: str) -> None:
    done = command("worker", *options, ADVSHARD_BROKER_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 2
    assert words in done.stderr


def test_a_named_queue_needs_a_broker(tmp_path: Path) -> None:
    done = command("run", "--queue", "gpu", "--store", str(tmp_path))
    assert done.returncode == 2
    assert "expected a broker" in done.stderr
