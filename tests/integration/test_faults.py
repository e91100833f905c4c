"""Real workers, killed for real: the result is that of an undisturbed run, and nothing is left behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from core.run.layout import ATTACK_DATA
from core.run.run_store import RunStore
from core.run.work_unit import ShardRange, single
from orchestrator.broker.valkey_server import ValkeyServer
from tests.integration.conftest import SIZE
from tests.processes import command, descendants, kill, only_run, processes, started, took, wait_for, workers

FAULTY = ("-A", "tests.integration.faulty", "worker", "--concurrency", "2")


def half_done(run: RunStore) -> Any:
    return wait_for(lambda: len(run.shards.finished_indices()) >= 8 and len(run.shards.finished_indices()))


def finished(process: Any, run: RunStore, undisturbed: bytes) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.splitlines()[-1] == run.url
    assert run.results.content(ATTACK_DATA) == undisturbed
    report = run.results.report()
    assert report is not None
    assert report.complete
    assert report.n_images == 1500
    assert all(check.passed for check in report.audit), report.audit
    return str(err)


@pytest.mark.parametrize(("shards", "count"), [("1", "1"), ("7", "2"), ("300", "2")])
def test_shards_and_workers_do_not_change_the_result(
    tmp_path: Path, undisturbed: bytes, shards: str, count: str
) -> None:
    with started("run", "--limit", "1500", "--shards", shards, "--workers", count, "--store", str(tmp_path)) as process:
        finished(process, only_run(tmp_path), undisturbed)


@pytest.mark.parametrize("victim", ["pool process", "worker", "all workers", "server"])
def test_a_kill_in_mid_run_changes_nothing_but_the_time(tmp_path: Path, undisturbed: bytes, victim: str) -> None:
    with started("run", *SIZE, "--workers", "2", "--store", str(tmp_path)) as process:
        run = only_run(tmp_path)
        assert half_done(run) < 40
        mains = workers(process.pid)
        assert len(mains) == 2
        everything = processes()
        if victim == "pool process":
            pids = [pid for main in mains for pid in descendants(main)]  # one of them at least is at work
        elif victim == "worker":
            pids = mains[:1]
        elif victim == "all workers":
            pids = mains
        else:
            pids = [pid for pid in descendants(process.pid) if "valkey-server" in everything[pid][1].split()[0]]
        assert pids
        for pid in pids:
            kill(pid)
        finished(process, run, undisturbed)
    history = run.results.report().history  # type: ignore[union-attr]
    if victim == "server":
        assert (history.brokers_restarted, history.workers_restarted) == (1, 0)
    elif victim == "pool process":
        assert history.attempts > 40
        assert list(history.failures) == ["WorkerLostError"]
    else:
        assert history.workers_restarted == len(pids)


def test_nothing_outlives_a_killed_command_and_resume_goes_on(tmp_path: Path, undisturbed: bytes) -> None:
    with (
        tempfile.TemporaryDirectory() as scratch,
        started("run", *SIZE, "--workers", "2", "--store", str(tmp_path), TMPDIR=scratch) as process,
    ):
        run = only_run(tmp_path)
        before = half_done(run)
        assert before < 40
        children = descendants(process.pid)
        # server and its guard, two workers with a pool process each
        assert len(children) >= 6
        assert list(Path(scratch).glob("advshard-*"))
        process.kill()
        process.wait()
        wait_for(lambda: not set(children) & set(processes()), timeout=30)
        wait_for(lambda: not list(Path(scratch).glob("advshard-*")), timeout=30)
        assert run.results.report() is None
        kept = len(run.shards.finished_indices())
        assert before <= kept < 40
    with started("resume", run.url, "--workers", "1") as process:
        finished(process, run, undisturbed)
    report = run.results.report()
    assert report is not None
    assert report.history.attempts < 40 + 10, "what was done must not be done again"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path: Path, undisturbed: bytes, number: int) -> None:
    with started("run", *SIZE, "--workers", "2", "--store", str(tmp_path)) as process:
        run = only_run(tmp_path)
        half_done(run)
        children = descendants(process.pid)
        kill(process.pid, number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert err.splitlines()[-1] == f"interrupted; go on with: advshard resume {run.url}"
        assert "Traceback" not in err
        assert not set(children) & set(processes())
    # The same command finds its run again.
    with started("run", *SIZE, "--workers", "1", "--store", str(tmp_path)) as process:
        finished(process, run, undisturbed)


def test_two_commands_on_the_same_run_do_not_corrupt_it(tmp_path: Path, undisturbed: bytes) -> None:
    arguments = ("run", *SIZE, "--workers", "1", "--store", str(tmp_path))
    with started(*arguments) as first:
        run = only_run(tmp_path)
        wait_for(run.orchestrators.all)
        with started(*arguments) as second:
            err = finished(second, run, undisturbed)
            finished(first, run, undisturbed)
    assert "another orchestrator (process" in err


def test_workers_that_somebody_started(tmp_path: Path, undisturbed: bytes, server: ValkeyServer) -> None:
    environment = {"ADVSHARD_BROKER_URL": server.url}
    run_arguments = ("run", *SIZE, "--store", str(tmp_path / "runs"))
    with (
        started(*run_arguments, **environment) as process,
        started("worker", "--concurrency", "2", **environment) as one,
    ):
        run = only_run(tmp_path / "runs")
        half_done(run)
        kill(one.pid)
        with started("-A", "tasks.app", "worker", "--concurrency", "1", module="celery", **environment):
            finished(process, run, undisturbed)


def test_a_worker_that_is_asked_to_stop_ends_its_shard_and_gives_the_others_back(
    tmp_path: Path, undisturbed: bytes, server: ValkeyServer
) -> None:
    environment = {"ADVSHARD_BROKER_URL": server.url}
    with (
        started("worker", "--concurrency", "1", **environment) as one,
        started("run", *SIZE, "--store", str(tmp_path), **environment) as process,
    ):
        run = only_run(tmp_path)
        half_done(run)
        kill(one.pid, signal.SIGTERM)
        one.communicate(timeout=60)
        with started("worker", "--concurrency", "1", **environment):
            finished(process, run, undisturbed)
    assert took(run, 40)


def test_a_worker_with_other_software_does_not_take_shards(tmp_path: Path, server: ValkeyServer) -> None:
    environment = {"ADVSHARD_BROKER_URL": server.url}
    other = ("-A", "tests.integration.other_version", "worker", "--concurrency", "1", "--hostname", "other@here")
    arguments = ("run", "--limit", "60", "--shards", "4", "--store", str(tmp_path))
    with started(*other, module="celery", **environment), started(*arguments, **environment) as process:
        run = only_run(tmp_path)
        assert process.stderr is not None
        lines: list[str] = []
        while not any("none with the software of this run" in line for line in lines):
            lines.append(process.stderr.readline())
            assert len(lines) < 20, lines
        assert run.shards.finished_indices() == set()
        with started("worker", "--concurrency", "1", **environment):
            process.communicate(timeout=60)
    assert process.returncode == 0
    assert not any(attempt.worker == "other@here" for i in range(4) for attempt in run.attempts.of(single(i)))


def test_a_message_about_another_place_is_refused(tmp_path: Path, server: ValkeyServer) -> None:
    """A worker that is bound to its store neither reads nor writes elsewhere, and goes on with what it may do."""
    from tasks.app import app
    from tasks.shard import attack_shard

    environment = {"ADVSHARD_BROKER_URL": server.url, "ADVSHARD_STORE": str(tmp_path / "mine")}
    done = command("run", "--limit", "20", "--shards", "2", "--store", str(tmp_path / "theirs"), "--workers", "1")
    assert done.returncode == 0
    theirs = only_run(tmp_path / "theirs")
    theirs.shards.forget(single(0))
    before = sorted(str(path) for path in (tmp_path / "theirs").rglob("*"))
    traversing = f"{tmp_path}/mine/../theirs/{theirs.manifest().run_id}"
    with app.connection_for_write(server.url) as connection:
        for url in (theirs.url, "/etc", traversing):
            attack_shard.apply_async(kwargs={"run": url, "first": 0, "last": 0}, connection=connection)
    with started("worker", "--concurrency", "1", **environment):
        done = command("run", "--limit", "20", "--shards", "2", **environment)
        assert done.returncode == 0, done.stderr
    assert sorted(str(path) for path in (tmp_path / "theirs").rglob("*")) == before


def test_a_shard_that_kills_its_worker_is_quarantined(tmp_path: Path, server: ValkeyServer) -> None:
    environment = {"ADVSHARD_BROKER_URL": server.url, "FAULT": "kill", "FAULT_SHARD": "3"}
    arguments = ("run", "--limit", "200", "--shards", "8", "--store", str(tmp_path))
    with (
        started("-A", "tests.integration.faulty", "worker", "--concurrency", "2", module="celery", **environment),
        started(*arguments, **environment) as process,
    ):
        out, err = process.communicate(timeout=120)
    assert process.returncode == 3, err
    run = only_run(tmp_path)
    report = run.results.report()
    assert report is not None
    assert not report.complete
    assert report.missing_shards == [3]
    assert report.quarantined_shards == [3]
    assert "WorkerLost" in report.errors[3]
    assert took(run, 7 + 3)
    assert report.n_images == 175
    assert "shards 3 are missing" in out
    # The count survives a new orchestrator: it is not tried again, and nothing else either.
    again = command("resume", run.url, "--workers", "1")
    assert again.returncode == 3
    assert len(run.attempts.of(single(3))) == 3
    # On healthy workers, and asked for, it is.
    healed = command("resume", run.url, "--retry-quarantined", "--workers", "1")
    assert healed.returncode == 0, healed.stderr
    assert run.results.report().complete  # type: ignore[union-attr]


def test_a_shard_that_kills_its_worker_takes_no_neighbour_with_it(tmp_path: Path, server: ValkeyServer) -> None:
    """Of shards that a task takes together: they go on one by one."""
    environment = {"ADVSHARD_BROKER_URL": server.url, "FAULT": "kill", "FAULT_SHARD": "3"}
    options = ("--limit", "200", "--shards", "8", "--shards-per-task", "3")
    with started(*FAULTY, module="celery", **environment):
        done = command("run", *options, "--store", str(tmp_path), **environment)
    assert done.returncode == 3, done.stderr
    run = only_run(tmp_path)
    report = run.results.report()
    assert report is not None
    assert run.shards.finished() == [ShardRange(0, 2), single(4), single(5), ShardRange(6, 7)]
    assert (report.missing_shards, report.quarantined_shards) == ([3], [3])
    together, killed, *neighbours = (len(run.attempts.of(part)) for part in (ShardRange(3, 5), *map(single, (3, 4, 5))))
    assert killed == 3
    assert max(together, *neighbours) <= 2  # the second is a speculative one, on a busy machine
    assert took(run, 3 + 3 + 2 + 3 + 2)


def test_a_shard_that_always_hangs_is_ended_by_its_time_limit_and_quarantined(
    tmp_path: Path, server: ValkeyServer
) -> None:
    environment = {"ADVSHARD_BROKER_URL": server.url, "FAULT": "hang", "FAULT_SHARD": "3"}
    options = ("--limit", "200", "--shards", "8", "--time-limit", "15", "--max-attempts", "2")
    with started(*FAULTY, module="celery", **environment):
        done = command("run", *options, "--store", str(tmp_path), **environment)
    assert done.returncode == 3, done.stderr
    run = only_run(tmp_path)
    assert len(run.shards.finished_indices()) == 7
    # Two, or more where a speculative attempt was in flight.
    assert re.match(r"[2-4] attempts: TimeLimitExceeded", run.quarantine.errors()[3])
    report = run.results.report()
    assert report is not None
    assert report.history is not None
    assert list(report.history.failures) == ["TimeLimitExceeded"]
    assert f"TimeLimitExceeded {report.history.failures['TimeLimitExceeded']}" in done.stdout


def test_a_shard_that_hangs_once_is_overtaken_by_its_copy(
    tmp_path: Path, undisturbed: bytes, server: ValkeyServer
) -> None:
    environment = {"ADVSHARD_BROKER_URL": server.url}
    fault = {"FAULT": "hang_once", "FAULT_SHARD": "3", "FAULT_MARK": str(tmp_path / "mark")}
    with (
        started(*FAULTY, module="celery", **environment, **fault),
        started("run", *SIZE, "--store", str(tmp_path / "runs"), **environment) as process,
    ):
        run = only_run(tmp_path / "runs")
        finished(process, run, undisturbed)
    history = run.results.report().history  # type: ignore[union-attr]
    assert history is not None
    assert history.attempts == 41
    assert history.speculative_attempts == 1
    assert history.failures == {}, "nobody failed, and nobody was given up"


def test_clocks_that_jump(tmp_path: Path, undisturbed: bytes, server: ValkeyServer) -> None:
    """Those of the worker and of the orchestrator, by up to a day, at every look at them."""
    environment = {"ADVSHARD_BROKER_URL": server.url}
    with (
        started(*FAULTY, module="celery", **environment, FAULT="clock"),
        started(
            "run", *SIZE, "--store", str(tmp_path), module="tests.integration.jumping", **environment, FAULT="clock"
        ) as process,
    ):
        run = only_run(tmp_path)
        finished(process, run, undisturbed)
    assert took(run, 40)


def test_a_pickle_in_the_queue_is_not_executed(tmp_path: Path, server: ValkeyServer) -> None:
    from kombu.connection import Connection
    from kombu.entity import Queue

    from tasks.queues import partitions

    mark, partition = tmp_path / "executed", partitions()[0]

    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (mark,))

    environment = {"ADVSHARD_BROKER_URL": server.url}
    with started("-A", "tasks.app", "worker", "--concurrency", "1", module="celery", **environment):
        with Connection(server.url) as connection:
            headers = {"task": "tasks.shard", "id": "x", "lang": "py", "argsrepr": "", "kwargsrepr": ""}
            connection.Producer().publish(
                ((Trap(),), {}, {}),
                routing_key=partition,
                serializer="pickle",
                headers=headers,
                declare=[Queue(partition)],
            )
        done = command("run", "--limit", "20", "--shards", "2", "--store", str(tmp_path / "runs"), **environment)
        assert done.returncode == 0, done.stderr
        doctor = command("doctor", "--store", str(tmp_path / "runs"), **environment)
    assert not mark.exists()
    assert "refused 1 message that this project does not send" in doctor.stdout


def test_the_command_line_does_not_load_tensorflow() -> None:
    code = (
        "import sys; import orchestrator.commands.run, orchestrator.planning.plan, orchestrator.execution.execute;"
        " import tasks.app, tasks.shard, tasks.reduce, tasks.session;"
        " assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
