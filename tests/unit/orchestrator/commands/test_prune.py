"""Which runs ``prune`` removes, and when it removes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.errors import ConfigError
from core.reduce.reduce_run import reduce_run
from core.run.run_store import RunStore
from core.run.store import Store
from core.run.work_unit import single
from core.shard.attack_shard import run_shard
from orchestrator.commands.prune import prune_command
from orchestrator.execution.heartbeat import Heartbeat
from orchestrator.execution.logs import logs_of
from tests.runs import linear_classifier, planned

DAMAGED, OTHER_LAYOUT = "d" * 16, "e" * 16


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunStore]:
    """Runs of ten, five and no days ago; the oldest is complete."""
    monkeypatch.setenv("ADVSHARD_CACHE", str(tmp_path / "cache"))
    found = []
    for age, seed in ((10, 0), (5, 1), (0, 2)):
        run = planned(tmp_path, monkeypatch, seed=seed)
        created = (datetime.now(UTC) - timedelta(days=age)).isoformat(timespec="seconds")
        run.write_manifest(run.manifest().model_copy(update={"created": created}))
        logs_of(run).mkdir(parents=True)
        found.append(run)
    for index in range(4):
        run_shard(found[0], single(index), linear_classifier, "w")
    reduce_run(found[0], linear_classifier)
    return found


def unreadable(store: Store) -> None:
    store.folder.write(f"{DAMAGED}/manifest.json", b"{")
    store.folder.write(f"{OTHER_LAYOUT}/manifest.json", b'{"layout": 1}')


def prune(run: RunStore, *options: str) -> Result:
    store = run.url.rsplit("/", 1)[0]
    done = CliRunner().invoke(prune_command, ["--store", store, *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def left(runs: list[RunStore]) -> list[int]:
    return [place for place, run in enumerate(runs) if run.has_manifest()]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], []),
        (["--keep", "1"], [2]),
        (["--keep", "0"], []),
        (["--keep", "7"], [0, 1, 2]),
        (["--older-than", "5.5"], [1, 2]),
        (["--older-than", "4.5"], [2]),
        (["--older-than", "4.5", "--keep", "2"], [1, 2]),
        (["--incomplete"], [0]),
        (["--incomplete", "--older-than", "1"], [0, 2]),
        (["--incomplete", "--keep", "1"], [0, 2]),
        (["--unreadable"], [0, 1, 2]),
        (["--unreadable", "--keep", "1"], [2]),
    ],
)
def test_what_each_option_removes(runs: list[RunStore], options: list[str], expected: list[int]) -> None:
    prune(runs[0], *(options or ("--keep", "0")), "--yes")
    assert left(runs) == expected
    assert [place for place, run in enumerate(runs) if logs_of(run).exists()] == expected


def test_it_shows_what_would_go_and_does_not_remove_it_unasked(runs: list[RunStore]) -> None:
    said = prune(runs[0], "--older-than", "1").output
    rows = [line.split("│")[1:-1] for line in said.splitlines() if line.count("│") == 5]
    assert [[cell.strip() for cell in row][::2] for row in rows] == [
        [runs[0].url[-16:], "complete"],
        [runs[1].url[-16:], "interrupted"],
    ]
    assert "2 runs, " in said
    assert "--yes" in said
    assert left(runs) == [0, 1, 2]


def test_an_orchestrators_run_stays(runs: list[RunStore]) -> None:
    Heartbeat(runs[1]).renew(now=True)
    assert f"kept: {runs[1].url}, driven by process" in prune(runs[0], "--keep", "0", "--yes").output
    assert left(runs) == [1]
    Heartbeat(runs[1]).renew(now=True, gone=True)


def test_unreadable_runs_are_named_and_removed_only_on_request(runs: list[RunStore]) -> None:
    store = Store(runs[0].url.rsplit("/", 1)[0])
    unreadable(store)
    runs[0].folder.write("report.json", b"damaged too")
    said = prune(runs[0], "--keep", "0", "--yes").output
    for name in (DAMAGED, OTHER_LAYOUT, runs[0].url[-16:]):
        assert f"unreadable, kept without --unreadable: {store.run(name).url}" in said
    assert left(runs) == [0]
    assert "3 runs, " in prune(runs[0], "--unreadable", "--yes").output
    assert store.folder.names() == []


def test_what_is_no_run_stays(runs: list[RunStore]) -> None:
    store = Store(runs[0].url.rsplit("/", 1)[0])
    store.folder.write("notes.txt", b"mine")
    store.folder.write("models/manifest.json", b"mine")
    store.folder.write(f"{'a' * 16}/weights.npy", b"named like a run, but without a manifest")
    prune(runs[0], "--unreadable", "--keep", "0", "--yes")
    assert store.folder.names() == ["a" * 16, "models", "notes.txt"]
    assert "no runs to remove" in prune(runs[0], "--keep", "0", "--yes").output


def test_an_interrupted_removal_is_completed(runs: list[RunStore]) -> None:
    runs[1].folder.write("removed", b"")
    runs[1].folder.remove("manifest.json")
    assert "half removed" in prune(runs[0], "--keep", "3", "--yes").output
    assert runs[1].folder.find("") == []
    assert left(runs) == [0, 2]


def test_yes_alone_does_not_remove_every_run(runs: list[RunStore]) -> None:
    with pytest.raises(ConfigError, match="give --keep 0 --yes"):
        prune(runs[0], "--yes")
    assert left(runs) == [0, 1, 2]
