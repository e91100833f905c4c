from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from tasks import session
from tests.processes import ROOT


@pytest.mark.parametrize("ahead", [False, True])
def test_tensorflow_is_loaded_ahead_only_where_asked(monkeypatch: pytest.MonkeyPatch, ahead: bool) -> None:
    loaded = threading.Event()
    monkeypatch.setattr(session, "load_tensorflow", loaded.set)
    monkeypatch.delenv("ADVSHARD_LOAD_AHEAD", raising=False)
    if ahead:
        monkeypatch.setenv("ADVSHARD_LOAD_AHEAD", "1")
    session.load_ahead()
    assert loaded.wait(5 if ahead else 0.2) == ahead


def test_two_threads_load_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = 0, 0

    def load() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threading.Event().wait(0.05)
        inside -= 1

    monkeypatch.setattr(session, "import_tensorflow", load)
    threads = [threading.Thread(target=session.load_tensorflow) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


@pytest.mark.slow
@pytest.mark.parametrize(("given", "enabled"), [(None, True), ("0", False)])
def test_a_worker_takes_onednn_s_kernels_unless_told_otherwise(given: str | None, enabled: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    code = (
        "from tasks.session import load_tensorflow; from core.runtime.fingerprint import processor; load_tensorflow(); "
        "from tensorflow.python.util import _pywrap_util_port as port; print(port.IsMklEnabled(), processor())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment if given is None else {**environment, "TF_ENABLE_ONEDNN_OPTS": given},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found, record = done.stdout.strip().split(" ", 1)
    assert found == str(enabled)
    # Bits differ between the two, so the record of a shard names what isn't usual.
    assert ("TF_ENABLE_ONEDNN_OPTS=0" in record) == (not enabled)
    assert "=1" not in record
