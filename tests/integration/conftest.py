from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.run.layout import ATTACK_DATA
from orchestrator.broker.valkey_server import ValkeyServer
from tests.processes import command, only_run

# 1,500 images in 40 shards: long enough to break something in the middle of it.
SIZE = ("--limit", "1500", "--shards", "40")

if sys.platform != "linux":
    collect_ignore_glob = ["*"]  # these tests look into /proc


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    """A real Valkey server."""
    server = ValkeyServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The ``attack_data.npy`` of a run to which nothing happened."""
    store: Path = tmp_path_factory.mktemp("undisturbed")
    done = command("run", *SIZE, "--workers", "1", "--store", str(store))
    assert done.returncode == 0, done.stderr
    return only_run(store).results.content(ATTACK_DATA)
