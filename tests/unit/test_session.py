from __future__ import annotations

import threading

import pytest

from tasks import session


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

    monkeypatch.setattr(session, "_load_tensorflow", load)
    threads = [threading.Thread(target=session.load_tensorflow) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
