"""The removal of a run: all of it, and never leaving something that looks like a run that lost its shards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.run.run_store import RunStore
from core.run.store import Store
from core.storage.folder import Folder
from tests.runs import planned

NAMES = ("manifest.json", "inputs/images.npy", "shards/00000000.npy", "attempts/00000000/a.json", "cancelled")


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store with two folders that look like runs, and a file and a folder that do not."""
    store = Store(str(tmp_path / "runs") if request.param == "disk" else f"memory://{tmp_path.name}/runs")
    for run in ("0" * 16, "1" * 16):
        for name in NAMES:
            store.folder.write(f"{run}/{name}", b"12345")
    store.folder.write("notes.txt", b"mine")
    store.folder.write("results/manifest.json", b"mine too")
    return store


def test_a_run_goes_with_all_its_files_and_alone(store: Store) -> None:
    run = store.run("0" * 16)
    assert run.folder.size() == 5 * len(NAMES)
    run.remove()
    assert store.folder.names() == ["1" * 16, "notes.txt", "results"]
    assert run.folder.find("") == []
    assert run.folder.size() == 0
    assert not run.has_manifest()
    assert sorted(store.run("1" * 16).folder.find("")) == sorted(NAMES)
    assert store.folder.read("results/manifest.json") == b"mine too"


@pytest.mark.parametrize("completed", range(7))
def test_a_removal_interrupted_after_any_operation_leaves_no_run_with_lost_shards(
    store: Store, monkeypatch: pytest.MonkeyPatch, completed: int
) -> None:
    operations = 0

    def interrupted(operation: Callable[[Folder, str], None]) -> Callable[[Folder, str], None]:
        def perform(folder: Folder, name: str) -> None:
            nonlocal operations
            if operations == completed:
                raise KeyboardInterrupt
            operations += 1
            operation(folder, name)

        return perform

    run = store.run("0" * 16)
    with monkeypatch.context() as patch:
        for name in ("remove", "remove_tree"):
            patch.setattr(Folder, name, interrupted(getattr(Folder, name)))
        with pytest.raises(KeyboardInterrupt):
            run.remove()
    if completed == 0:
        assert set(NAMES) <= set(run.folder.find(""))  # nothing went before the manifest
        assert run.has_manifest()
        assert store.half_removed() == []
        return
    assert not run.has_manifest()
    if completed < 6:
        assert [each.url for each in store.half_removed()] == [run.url]
        run.remove()
    assert store.half_removed() == []
    assert store.run("0" * 16).folder.find("") == []


def test_a_link_is_removed_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("mine")
    run = RunStore(str(tmp_path / "runs" / ("0" * 16)))
    run.folder.write("manifest.json", b"{}")
    (tmp_path / "runs" / ("0" * 16) / "inputs").symlink_to(tmp_path / "elsewhere")
    assert run.folder.size() < 200  # a link counts as its own few bytes
    run.remove()
    assert (tmp_path / "elsewhere" / "file").read_text() == "mine"
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_removed_run_can_be_planned_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = planned(tmp_path, monkeypatch)
    before = run.manifest().model_copy(update={"created": ""})
    run.remove()
    again = planned(tmp_path, monkeypatch)
    assert again.url == run.url
    assert again.manifest().model_copy(update={"created": ""}) == before
