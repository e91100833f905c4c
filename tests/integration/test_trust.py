"""A model with code in it, through the real command line and real workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.run.store import Store
from orchestrator.broker.valkey_server import ValkeyServer
from tests.processes import command, only_run, started
from tests.runs import save_set
from tests.traps import save_trap


@pytest.mark.usefixtures("one_thread")
def test_code_runs_where_somebody_consented_and_nowhere_else(tmp_path: Path, server: ValkeyServer) -> None:
    mark, store = tmp_path / "executed", tmp_path / "runs"
    model = save_trap(tmp_path / "trap.h5", mark)
    arguments = ["--model", str(model), "--data", str(save_set(tmp_path / "set.npz")), "--store", str(store)]
    run = ["run", *arguments, "--shards", "1", "--max-attempts", "1"]

    refused = command(*run)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "trap.h5: a model without embedded code; got one with a layer Lambda" in line
    assert "--trust-model" in line
    assert Store(str(store)).runs() == []
    assert command("doctor", *arguments).returncode == 2
    assert not mark.exists()

    # The one who sends consents, the worker doesn't.
    with started("worker", "--concurrency", "1", ADVSHARD_BROKER_URL=server.url):
        done = command(*run, "--trust-model", ADVSHARD_BROKER_URL=server.url)
    assert done.returncode == 3, done.stderr
    mark.unlink()  # made where the command looked at the model
    found = only_run(store)
    assert "ModelError: expected" in found.quarantine.errors()[0]
    assert "give --trust-model to the command and each worker" in found.quarantine.errors()[0]

    # Consent is not kept in the run.
    resume = ["resume", found.url, "--retry-quarantined"]
    refused = command(*resume)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
    assert "--trust-model" in refused.stderr
    assert not mark.exists()
    assert found.quarantine.errors()
    done = command(*resume, "--trust-model")
    assert done.returncode == 0, done.stderr
    assert mark.exists()
    assert found.results.report().complete  # type: ignore[union-attr]
