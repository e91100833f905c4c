"""The entrants of the comparison: their files and commands."""

from __future__ import annotations

from pathlib import Path

from bench.harness.entrants import ENTRANTS, LEAN, PEERS


def test_every_entrant_writes_a_file_of_its_own() -> None:
    assert len({entrant.key for entrant in ENTRANTS}) == len(ENTRANTS)
    command = PEERS[0].command(LEAN, Path("task"), Path("out.npy"))
    assert command[1:] == ["-m", "bench.peers.cleverhans", "task", "out.npy", "--threads", "1"]
