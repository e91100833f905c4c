"""A store on a real S3 server (SeaweedFS): the same files, the same bytes."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.run.layout import ATTACK_DATA
from core.run.store import Store
from core.storage.folder import Folder
from orchestrator.doctor.finding import Level
from orchestrator.doctor.storage import check_store, clock_of_store
from tests.integration.conftest import SIZE
from tests.integration.proxy import Proxy, proxied
from tests.integration.s3_server import MISSING, SECRET, WEED, S3Server, bucket_at
from tests.processes import command, kill, started
from tests.sources import images_of, opened

pytestmark = pytest.mark.skipif(not WEED.exists(), reason=MISSING)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server with a bucket; the environment that reaches it."""
    folder = tmp_path_factory.mktemp("s3")
    server = S3Server.in_folder(folder, "127.0.0.1")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(server.command, stdout=log, stderr=log, cwd=folder)
    try:
        with bucket_at(server.url) as environment:
            yield environment
    finally:
        kill(process.pid)
        process.wait()
        server.remove_sockets()
        shutil.rmtree(folder, ignore_errors=True)


def test_files_come_and_go_whole(s3: dict[str, str]) -> None:
    folder = Folder("s3://bucket/folder")
    assert folder.names() == []
    folder.write("a/b", b"hello")
    folder.write("a/b", b"world!")
    assert folder.read("a/b") == b"world!"
    assert folder.read("a/b", 1, 3) == b"or"
    assert folder.names("a") == ["b"]
    assert folder.url("a") == "s3://bucket/folder/a"
    folder.remove("a/b")
    folder.remove("a/b")
    assert folder.names("a") == []
    with pytest.raises(FileNotFoundError):
        folder.read("a/b")

    def half(file: IO[bytes]) -> None:
        file.write(bytes(6 << 20))
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        folder.write_with("half", half)
    assert not folder.exists("half")
    large = bytes(range(256)) * (1 << 16)
    folder.write("large", large)  # several parts
    assert folder.read("large", len(large) - 3, len(large)) == large[-3:]


def test_what_another_machine_writes_is_seen_at_once(s3: dict[str, str]) -> None:
    import s3fs

    folder = Folder("s3://bucket/shared")
    folder.write("a/b", b"hello")
    assert folder.names("a") == ["b"]
    s3fs.S3FileSystem(skip_instance_cache=True).pipe_file("bucket/shared/a/c", b"world")
    assert folder.exists("a/c")
    assert folder.read("a/c") == b"world"
    assert folder.names("a") == ["b", "c"]


def test_a_run_is_pruned_and_nothing_else(s3: dict[str, str]) -> None:
    store, large, small, notes = Store("s3://bucket/old"), "0" * 16, "1" * 16, "0" * 16 + "-notes"
    shards = [f"shards/{shard:08d}.json" for shard in range(1100)]  # more than one page of a listing
    names = [*(f"{large}/{name}" for name in ["manifest.json", *shards]), f"{small}/manifest.json", notes]
    store.folder.fs.pipe({store.folder.path(name): b'{"layout": 1}' for name in names})
    assert store.run(large).folder.size() == 13 * 1101
    store.run(large).remove()
    assert Folder(store.url).find("") == [notes, f"{small}/manifest.json"]
    done = command("prune", "--store", store.url, "--unreadable", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "removed 1 run"
    assert Folder(store.url).find("") == [notes]


def test_the_doctor_looks_at_it(s3: dict[str, str]) -> None:
    assert [(each.level, each.name) for each in check_store("s3://bucket/doctor")] == [(Level.OK, "store")] * 2
    assert clock_of_store("s3://bucket/doctor") == pytest.approx(0, abs=2)
    assert Folder("s3://bucket/doctor").names() == []


def test_the_doctor_is_refused_with_another_key(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    with monkeypatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
        (refused,) = check_store("s3://bucket/doctor")
    s3fs.S3FileSystem.clear_instance_cache()
    assert refused.level is Level.FAILED
    assert "its credentials" in refused.detail
    assert "another-secret" not in refused.detail


def test_a_run_on_s3_is_the_run_on_a_disk(s3: dict[str, str], undisturbed: bytes) -> None:
    with started("run", *SIZE, "--store", "s3://bucket/runs", "--workers", "2") as process:
        out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    url = out.splitlines()[-1]
    assert url.startswith("s3://bucket/runs/")
    (run,) = Store("s3://bucket/runs").runs()
    assert run.results.content(ATTACK_DATA) == undisturbed
    report = run.results.report()
    assert report is not None
    assert all(check.passed for check in report.audit), report.audit
    status = command("status", url)
    assert status.returncode == 0, status.stderr
    assert "40/40 finished" in status.stdout
    assert SECRET not in out + err + status.stdout


@pytest.mark.parametrize("fault", ["one write in ten fails", "slow"])
def test_a_faulty_s3_server(s3: dict[str, str], undisturbed: bytes, fault: str) -> None:
    failing = fault != "slow"
    with proxied(Proxy(s3["AWS_ENDPOINT_URL"], failing=10 * failing, delay=0.1 * (not failing))) as proxy:
        store = f"s3://bucket/{'failing' if failing else 'slow'}"
        options = ("--limit", "300", "--shards", "8", "--workers", "1", "--store", store)
        with started("run", *options, **{**s3, "AWS_ENDPOINT_URL": proxy.url}) as process:
            out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    (run,) = Store(store).runs()
    assert out.splitlines()[-1] == run.url
    assert (np.load(io.BytesIO(run.results.content(ATTACK_DATA))) == np.load(io.BytesIO(undisturbed))[:300]).all()
    assert proxy.writes >= 8 * 4
    assert proxy.failed == failing * (proxy.writes // 10)
    report = run.results.report()
    assert report is not None
    assert report.history is not None
    assert report.history.failures == {}, "what passes is waited out where it happens"


def test_image_sets_are_read_from_a_bucket(s3: dict[str, str], tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, 64, 64, 3)).astype(np.uint8)
    labels = np.arange(300) % 3
    np.savez_compressed(tmp_path / "a.npz", x_test=images, y_test=labels)
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "y.npy", labels)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", data=images, chunks=(16, 64, 64, 3), compression="gzip")
        file["labels"] = labels
    pixels = pa.FixedShapeTensorArray.from_numpy_ndarray(images)
    pq.write_table(pa.table({"image": pixels, "label": labels}), tmp_path / "test.parquet", row_group_size=50)
    folder = Folder("s3://bucket/sets")
    for path in tmp_path.iterdir():
        folder.write(path.name, path.read_bytes())
    for name in ("a.npz", "x.npy,s3://bucket/sets/y.npy", "a.h5", "test.parquet", "*.parquet"):
        source = opened(f"s3://bucket/sets/{name}")
        np.testing.assert_array_equal(images_of(source), images)
        np.testing.assert_array_equal(images_of(source, [0, 7, 299]), images[[0, 7, 299]])
        np.testing.assert_array_equal(source.labels(), labels)
