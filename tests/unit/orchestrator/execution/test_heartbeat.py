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
from core.run.work_unit import single
from orchestrator.execution.heartbeat import Heartbeat, current_orchestrator


@pytest.fixture
def run(tmp_path: Path) -> RunStore:
    return RunStore(str(tmp_path))


def test_who_drives_a_run_is_seen_until_it_is_gone(run: RunStore, monkeypatch: Any) -> None:
    assert current_orchestrator(run) is None
    first = Heartbeat(run)
    first.renew()
    found = current_orchestrator(run)
    assert found is not None
    first.renew(gone=True)
    assert current_orchestrator(run) is None
    Heartbeat(run).renew()
    assert current_orchestrator(run) != found
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 11)
    assert current_orchestrator(run) is None, "it was killed, and could not say so"


def test_what_each_orchestrator_did_is_kept(run: RunStore) -> None:
    for messages in (3, 4):
        Heartbeat(run).renew(gone=True, messages=messages, damaged_shards=1)
    (run.folder).write("orchestrators/torn.json", b"{")
    for index, error in ((0, None), (0, "WorkerLostError: Worker exited"), (1, None), (1, "WorkerLostError('x')")):
        task = f"{index}{error is None}"
        run.attempts.write(
            single(index), Attempt(task_id=task, worker="w", started=0, error=error, redelivered=error is None)
        )
    assert history_of(run) == History(
        orchestrators=2,
        messages=7,
        attempts=4,
        redelivered=2,
        failures={"WorkerLostError": 2},
        speculative_attempts=0,
        damaged_shards=2,
        workers_restarted=0,
        brokers_restarted=0,
    )


def test_a_history_is_told_in_a_sentence() -> None:
    quiet: dict[str, Any] = dict.fromkeys(History.model_fields, 0)
    quiet.update(orchestrators=1, attempts=8, messages=9, failures={})
    assert describe(History(**quiet), 8) == "8 attempts at 8 shards, 9 messages"
    loud = History(**{**quiet, "failures": {"A": 2, "B": 1}, "speculative_attempts": 1, "orchestrators": 3})
    assert describe(loud, 8) == (
        "8 attempts at 8 shards, 9 messages, 3 failed or given up (A 2, B 1), 1 speculative attempts at slow shards,"
        " 2 further orchestrators"
    )


def test_a_full_disk_is_said_and_a_passing_fault_is_not(run: RunStore, monkeypatch: Any) -> None:
    def failing(number: int) -> Any:
        def write(name: str, content: bytes) -> None:
            raise OSError(number, "it failed")

        return write

    monkeypatch.setattr(run.folder, "write", failing(28))
    with pytest.raises(StoreError, match="make room"):
        Heartbeat(run).renew()
    monkeypatch.setattr(run.folder, "write", failing(5))
    Heartbeat(run).renew()
