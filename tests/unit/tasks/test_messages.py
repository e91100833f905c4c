from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AdvshardError, IntegrityError
from core.run.work_unit import ShardRange, single
from tasks.messages import open_run, range_of
from tests.runs import planned
from tests.unit.core.run.test_manifest import manifest


def test_a_run_of_this_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = planned(tmp_path, monkeypatch)
    assert open_run(run.url)[1] == run.manifest()
    monkeypatch.setenv("ADVSHARD_STORE", str(tmp_path / "runs"))
    assert open_run(run.url)[0].url == run.url
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADVSHARD_STORE", "runs")
    assert open_run(run.url)[0].url == run.url
    monkeypatch.setenv("ADVSHARD_STORE", str(tmp_path))
    with pytest.raises(IntegrityError, match="not this worker's store"):
        open_run(run.url)


def test_a_worker_reads_the_manifest_of_a_run_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = planned(tmp_path, monkeypatch)
    first, expected = open_run(run.url)
    (Path(run.url) / "manifest.json").unlink()
    again, found = open_run(run.url)
    assert again is first
    assert found == expected == first.manifest()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:{port}/runs", "simplecache::ftp://127.0.0.1:{port}/runs"])
def test_a_bound_worker_connects_to_nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    monkeypatch.setenv("ADVSHARD_STORE", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        with pytest.raises(IntegrityError, match="not this worker's store"):
            open_run(url.format(port=listener.getsockname()[1]) + "/0123456789abcdef")
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("url", ["reference://x", "ftp://127.0.0.1:1", "zip://x", "nope://x", "::", "memory://x"])
def test_a_url_that_cannot_be_opened_is_an_error_of_ours(url: str) -> None:
    with pytest.raises(AdvshardError):
        open_run(f"{url}/0123456789abcdef")


def test_a_run_under_another_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Path(planned(tmp_path, monkeypatch).url)
    run.rename(run.with_name("f" * 16))
    with pytest.raises(IntegrityError, match="of another run"):
        open_run(str(run.with_name("f" * 16)))


@pytest.mark.parametrize(
    "url", [None, 7, "", "/etc", "/etc/passwd", "{run}/", "{run}/shards", "{store}/x/../{name}", "{store}/{name}/.."]
)
def test_what_is_not_a_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: Any) -> None:
    run = Path(planned(tmp_path, monkeypatch).url)
    if isinstance(url, str):
        url = url.format(run=run, store=run.parent, name=run.name)
    with pytest.raises(IntegrityError, match="not the URL of a run"):
        open_run(url)


ANY = st.one_of(st.integers(), st.text(), st.floats(), st.none(), st.booleans(), st.lists(st.integers()))


@given(ANY)
def test_only_a_shard_of_the_run_is_taken(shard: Any) -> None:
    plan = manifest(10, 3)
    if type(shard) is int and shard in {0, 1, 2}:
        assert range_of(plan, shard, shard) == single(shard)
    else:
        with pytest.raises(IntegrityError):
            range_of(plan, shard, shard)


@given(ANY | st.integers(-1, 8), ANY | st.integers(-1, 8))
def test_only_what_a_task_of_the_run_takes_together_is_taken(shard: Any, last: Any) -> None:
    """Shards 0 to 2 and 3 to 5, or any by itself."""
    plan = manifest(10, 7, shards_per_task=3)
    if type(shard) is type(last) is int and (shard, last) in {(0, 2), (3, 5), *((i, i) for i in range(7))}:
        assert range_of(plan, shard, last) == ShardRange(shard, last)
    else:
        with pytest.raises(IntegrityError):
            range_of(plan, shard, last)


@given(st.text())
def test_no_url_reads_or_writes_outside_a_run(url: str) -> None:
    with pytest.raises(AdvshardError):
        open_run(url)
