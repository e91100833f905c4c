"""The scheduler while the store or the broker is unreachable, or full."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import AdvshardError, StoreError
from core.run.run_store import RunStore
from tests.made_up_fleet import Fleet, Key, scheduler

pytestmark = pytest.mark.timeout(30)


def test_a_full_disk_ends_the_run_at_once(run: RunStore, fleet: Fleet) -> None:
    fleet.fail = {1: ["OSError: [Errno 28] No space left on device"]}
    with pytest.raises(StoreError, match="make room"):
        scheduler(fleet).attack()
    assert run.quarantine.errors() == {}


def test_a_broker_that_comes_back_is_waited_for(fleet: Fleet) -> None:
    began = fleet.clock.now()

    def refuse(unit: Key) -> None:
        if fleet.clock.now() < began + 100:
            raise ConnectionError("refused")

    fleet.before_send = refuse
    scheduler(fleet).attack()
    assert fleet.sent == [0, 1, 2, 3]
    assert "broker away" in {progress.note for progress in fleet.shown}


def test_a_broker_that_stays_away_ends_the_run(fleet: Fleet) -> None:
    def refuse(unit: Key) -> None:
        raise ConnectionError("refused")

    fleet.before_send = refuse
    began = fleet.clock.now()
    with pytest.raises(AdvshardError, match="the broker did not answer for 120 s: refused"):
        scheduler(fleet).attack()
    assert 120 < fleet.clock.now() - began < 122


class Away:
    """Makes the store's records unreadable for a while."""

    def __init__(self, run: RunStore, monkeypatch: Any, times: int, error: OSError) -> None:
        self.times, self.error, self.real = times, error, run.folder.read_many
        monkeypatch.setattr(run.folder, "read_many", self)

    def __call__(self, pieces: Any) -> list[bytes | None]:
        if self.times and any(name.startswith("shards/") and name.endswith(".json") for name, _, _ in pieces):
            self.times -= 1
            raise self.error
        return self.real(pieces)


def test_a_store_that_comes_back_is_waited_for(run: RunStore, fleet: Fleet, monkeypatch: Any) -> None:
    def go_away(unit: Key) -> None:
        if unit == 3:
            Away(run, monkeypatch, 3, TimeoutError("slow"))

    fleet.after_send = go_away
    driven = scheduler(fleet)
    driven.attack()
    assert fleet.sent == [0, 1, 2, 3]
    assert "store away" in {progress.note for progress in fleet.shown}
    assert driven.progress.note == ""


@pytest.mark.parametrize(
    ("error", "patience"), [(TimeoutError("slow"), 120), (PermissionError(13, "Permission denied"), 0)]
)
def test_a_store_that_stays_away_ends_the_run(
    run: RunStore, fleet: Fleet, monkeypatch: Any, error: OSError, patience: float
) -> None:
    Away(run, monkeypatch, 10**9, error)
    began = fleet.clock.now()
    with pytest.raises(StoreError, match="expected a store that answers"):
        scheduler(fleet).attack()
    assert patience <= fleet.clock.now() - began < patience + 2
