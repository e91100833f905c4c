from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import StoreError
from core.reduce.history import describe, history_of
from core.run.records import Attempt
from core.run.report import History
from core.run.run_store import RunStore
from orchestrator.execution.heartbeat import Presence, driver_of


@pytest.fixture
def run(tmp_path: Path) -> RunStore:
    return RunStore(str(tmp_path))


def test_who_drives_a_run_is_seen_until_it_is_gone(run: RunStore, monkeypatch: Any) -> None:
    assert driver_of(run) is None
    first = Presence(run)
    first.beat()
    driver = driver_of(run)
    assert driver is not None
    first.beat(gone=True)
    assert driver_of(run) is None
    Presence(run).beat()
    assert driver_of(run) != driver
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 11)
    assert driver_of(run) is None, "it was killed, and could not say so"


def test_what_each_orchestrator_did_is_kept(run: RunStore) -> None:
    for messages in (3, 4):
        Presence(run).beat(gone=True, messages=messages, remade=1)
    (run.folder).write("orchestrators/torn.json", b"{")
    for index, error in ((0, None), (0, "WorkerLostError: Worker exited"), (1, None), (1, "WorkerLostError('x')")):
        task = f"{index}{error is None}"
        run.write_attempt(index, Attempt(task_id=task, worker="w", started=0, error=error, redelivered=error is None))
    assert history_of(run) == History(
        orchestrators=2,
        messages=7,
        executions=4,
        redelivered=2,
        failures={"WorkerLostError": 2},
        copies=0,
        remade=2,
        workers_restarted=0,
        brokers_restarted=0,
    )


def test_a_history_is_told_in_a_sentence() -> None:
    quiet: dict[str, Any] = dict.fromkeys(History.model_fields, 0)
    quiet.update(orchestrators=1, executions=8, messages=9, failures={})
    assert describe(History(**quiet), 8) == "8 executions of 8 shards, 9 messages"
    loud = History(**{**quiet, "failures": {"A": 2, "B": 1}, "copies": 1, "orchestrators": 3})
    assert describe(loud, 8) == (
        "8 executions of 8 shards, 9 messages, 3 failed or given up (A 2, B 1), 1 second copies of slow shards,"
        " 2 more orchestrators"
    )


def test_a_full_disk_is_said_and_a_passing_fault_is_not(run: RunStore, monkeypatch: Any) -> None:
    def failing(number: int) -> Any:
        def write(name: str, content: bytes) -> None:
            raise OSError(number, "it failed")

        return write

    monkeypatch.setattr(run.folder, "write", failing(28))
    with pytest.raises(StoreError, match="make room"):
        Presence(run).beat()
    monkeypatch.setattr(run.folder, "write", failing(5))
    Presence(run).beat()
