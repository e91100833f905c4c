"""A run in the background: followed, cancelled, and gone on with."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.execution.heartbeat import current_orchestrator
from tests.processes import command, descendants, kill, only_run, wait_for

ARGUMENTS = ("run", "--limit", "6000", "--shards", "300", "--workers", "1", "--detach")


def test_detach_status_cancel_resume(tmp_path: Path) -> None:
    cache = {"ADVSHARD_CACHE": os.environ.get("ADVSHARD_CACHE", str(Path.home() / ".cache" / "advshard"))}
    started = command(*ARGUMENTS, "--store", str(tmp_path), **cache)
    assert started.returncode == 0, started.stderr
    run = only_run(tmp_path)
    assert started.stdout.splitlines()[-1] == run.url
    driver = wait_for(lambda: current_orchestrator(run), timeout=30)
    try:
        wait_for(lambda: len(run.shards.finished_indices()) >= 5)
        status = command("status", run.url)
        assert "state        running" in status.stdout
        children = descendants(driver.pid)
        assert children
        cancelled = command("cancel", run.url)
        assert cancelled.returncode == 0
        wait_for(lambda: not current_orchestrator(run), timeout=20)
        wait_for(lambda: not descendants(driver.pid), timeout=20)
        assert "state        cancelled" in command("status", run.url).stdout
        kept = len(run.shards.finished_indices())
        assert 5 <= kept < 300
        again = command(*ARGUMENTS, "--store", str(tmp_path))
        assert again.returncode == 0
        wait_for(lambda: (found := current_orchestrator(run)) and found.pid != driver.pid, timeout=30)
        driver = wait_for(lambda: current_orchestrator(run))
        followed = command("status", run.url, "--watch")
        assert followed.returncode == 0, followed.stdout
        assert "300/300 finished" in followed.stdout
        assert "300/300 shards" in followed.stderr
        refused = command("cancel", run.url)
        assert refused.returncode == 2
        assert "nothing to cancel" in refused.stderr
    finally:
        for pid in [*descendants(driver.pid), driver.pid]:
            kill(pid)


def test_watching_a_run_that_nobody_drives_ends(tmp_path: Path) -> None:
    from orchestrator.planning.plan import plan
    from orchestrator.planning.request import Request

    run = plan(Request(store=str(tmp_path), limit=20, shards=2))
    done = command("status", run.url, "--watch")
    assert done.returncode == 3
    assert "state        interrupted" in done.stdout
