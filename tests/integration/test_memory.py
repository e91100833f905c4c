"""The memory of a worker's process over many shards. The session is cleared after each."""

from __future__ import annotations

from pathlib import Path

from orchestrator.broker.valkey_server import ValkeyServer
from tests.processes import command, descendants, only_run, started, wait_for
from tests.runs import save_model, save_set

_SHARDS, _EARLY, _LATE = 510, 20, 500


def resident(pid: int) -> int:
    """Kilobytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def test_memory_after_500_shards_is_what_it_was_after_20(tmp_path: Path, server: ValkeyServer) -> None:
    """Within 5%: shards of two images, in the one process of a real worker."""
    environment = {"ADVSHARD_BROKER_URL": server.url}
    model = save_model(tmp_path / "small.keras")
    data = save_set(tmp_path / "set.npz", 2 * _SHARDS)
    inputs = ("--data", str(data), "--model", str(model), "--shards", str(_SHARDS), "--store", str(tmp_path / "runs"))
    with (
        started("worker", "--concurrency", "1", "--loglevel", "WARNING", **environment) as worker,
        started("run", *inputs, **environment) as process,
    ):
        run = only_run(tmp_path / "runs")
        wait_for(lambda: len(run.shards.finished_indices()) >= _EARLY)
        (pool,) = descendants(worker.pid)
        early = resident(pool)
        wait_for(lambda: len(run.shards.finished_indices()) >= _LATE)
        late = resident(pool)
        assert descendants(worker.pid) == [pool], "the same process all the time"
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert late < 1.05 * early, (early, late)
    assert command("status", run.url, **environment).returncode == 0
