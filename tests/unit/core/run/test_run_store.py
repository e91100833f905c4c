from __future__ import annotations

import io
from pathlib import Path
from typing import IO, Any, ClassVar

import fsspec
import numpy as np
import pytest
import tenacity
from fsspec.implementations.memory import MemoryFileSystem

from core.errors import IntegrityError, StoreError
from core.run.records import Attempt
from core.run.run_store import RunStore
from core.run.store import Store
from core.run.work_unit import REDUCE, single
from core.storage.folder import Folder
from core.storage.npy_header import npy_header
from core.storage.npy_reader import NpyReader
from tests.unit.core.run.test_manifest import manifest


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder on a disk, and one on a file system that has nothing but whole objects."""
    return Folder(str(tmp_path / "f") if request.param == "disk" else f"memory://{tmp_path.name}")


def test_files_come_and_go_whole(folder: Folder) -> None:
    assert folder.names() == []
    assert not folder.exists("a/b")
    folder.write("a/b", b"hello")
    folder.write("a/b", b"world!")
    assert folder.read("a/b") == b"world!"
    assert folder.read("a/b", 1, 3) == b"or"
    assert folder.names("a") == ["b"]
    folder.remove("a/b")
    folder.remove("a/b")
    assert not folder.exists("a/b")
    with pytest.raises(FileNotFoundError):
        folder.read("a/b")


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    folder.write("x", b"old")

    def half(file: IO[bytes]) -> None:
        file.write(b"half of the ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        folder.write_with("x", half)
    assert folder.read("x") == b"old"
    assert folder.names() == ["x"]


def test_a_url_can_be_opened_elsewhere(folder: Folder) -> None:
    folder.write("run/x", b"1")
    assert Folder(folder.url("run")).read("x") == b"1"


def test_a_relative_store_is_given_out_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Store("runs").run("0" * 16).url == str(tmp_path / "runs" / ("0" * 16))


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(StoreError, match="nope://"):
        Folder("nope://x")


@pytest.mark.parametrize("dtype", ["u1", "<f4", "<i8"])
def test_rows_are_read_by_slice(folder: Folder, dtype: str) -> None:
    array = np.arange(7 * 6).reshape(7, 3, 2, 1).astype(dtype)
    buffer = io.BytesIO()
    np.save(buffer, array)
    content = buffer.getvalue()
    assert content == npy_header(array.shape, array.dtype) + array.tobytes()
    arrays = NpyReader(folder)
    folder.write("inputs/x.npy", content)
    found = arrays.read("inputs/x.npy", dtype, (7, 3, 2, 1), 2, 5)
    np.testing.assert_array_equal(found, array[2:5])
    with pytest.raises(IntegrityError, match="too short"):
        arrays.read("inputs/x.npy", dtype, (7, 3, 2, 1), 5, 8)
    chosen = arrays.choose("inputs/x.npy", dtype, (7, 3, 2, 1), np.array([6, 0, 3]))
    np.testing.assert_array_equal(chosen, array[[6, 0, 3]])


def test_runs_are_those_with_a_manifest(folder: Folder) -> None:
    store = Store(folder.url())
    store.run("0123456789abcdef").write_manifest(manifest())
    folder.write("fedcba9876543210/shards/00000000.json", b"{}")
    folder.write("notes/manifest.json", b"{}")
    assert [run.manifest().run_id for run in store.runs()] == ["0123456789abcdef"]
    with pytest.raises(StoreError, match="without manifest"):
        store.run("fedcba9876543210").manifest()


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"layout": 2}'])
def test_a_broken_manifest_is_named(tmp_path: Path, content: bytes) -> None:
    run = RunStore(str(tmp_path))
    run.folder.write("manifest.json", content)
    with pytest.raises(IntegrityError, match=r"manifest\.json: not a valid Manifest"):
        run.manifest()


@pytest.mark.parametrize("content", [b'{"layout": 1, "run_id": "x"}', b'{"layout":3}'])
def test_a_run_of_another_layout_gets_one_clear_line(tmp_path: Path, content: bytes) -> None:
    run = Store(str(tmp_path)).run("0123456789abcdef")
    run.folder.write("manifest.json", content)
    with pytest.raises(
        StoreError, match=r"expected a run of layout 2; got layout [13] at .*, written by another version"
    ):
        run.manifest()
    readable, unreadable = Store(str(tmp_path)).by_age()
    assert (readable, list(unreadable)) == ([], [run.url])


def test_inputs_go_by_their_content(folder: Folder) -> None:
    run, blob = RunStore(folder.url()), manifest().data.images
    run.inputs.write(blob, lambda: [b"other ", b"content"])
    with pytest.raises(IntegrityError, match="expected SHA-256 0000"):
        run.inputs.content(blob)


def test_attempts_quarantine_and_release(folder: Folder) -> None:
    run = RunStore(folder.url())
    assert run.attempts.of(single(3)) == []
    late, early = (Attempt(task_id=name, worker="w", started=at) for name, at in (("a", 2.0), ("b", 1.0)))
    run.attempts.write(single(3), late)
    run.attempts.write(single(3), early)
    run.attempts.write(REDUCE, early)
    assert run.attempts.of(single(3)) == [early, late]
    run.folder.write("attempts/00000003/c.json", b"torn")
    assert "not a valid Attempt" in str(run.attempts.of(single(3))[0].error)
    run.quarantine.add(3, "broken")
    assert run.quarantine.errors() == {3: "broken"}
    run.release(3)
    assert run.quarantine.errors() == {}
    assert run.attempts.of(single(3)) == []


def test_a_store_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="can be written"):
        Store(str(tmp_path / "file" / "runs")).check_writable()
    Store(str(tmp_path / "runs")).check_writable()
    assert Folder(str(tmp_path / "runs")).names() == []


class Failing(MemoryFileSystem):  # type: ignore[misc]
    """A file system that fails before every success, in one way or another."""

    protocol = "failing"
    errors: ClassVar[list[Exception]] = []

    def _open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        if self.errors:
            raise self.errors.pop()
        return super()._open(path, mode, **more)

    def info(self, path: str, **more: Any) -> Any:
        if self.errors:
            raise self.errors.pop()
        return super().info(path, **more)

    def cat_file(self, path: str, **more: Any) -> Any:
        if self.errors:
            raise self.errors.pop()
        return super().cat_file(path, **more)


class BusyServerError(Exception):
    """Not an OSError, as those of some file systems."""


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr("core.storage.folder.RETRYING.sleep", lambda seconds: None)
    monkeypatch.setattr("core.storage.folder.RETRYING.stop", tenacity.stop_after_attempt(6))
    fsspec.register_implementation("failing", Failing, clobber=True)
    Failing.errors = []
    return Folder("failing://x")


def test_a_passing_failure_is_waited_out(failing: Folder) -> None:
    Failing.errors = [OSError(5, "again"), TimeoutError("slow"), BusyServerError("503")]
    produced: list[int] = []

    def produce(file: IO[bytes]) -> str:
        produced.append(file.write(b"hello"))
        if len(produced) == 1:
            raise ConnectionResetError("half way")
        return "done"

    assert failing.write_with("a", produce) == "done"
    assert produced == [5, 5]
    Failing.errors = [OSError(5, "again")] * 5
    assert failing.read("a") == b"hello"
    assert Failing.errors == []


def test_a_failure_that_stays_is_an_oserror(failing: Folder) -> None:
    failing.write("a", b"hello")
    Failing.errors = [BusyServerError("503")] * 10
    with pytest.raises(OSError, match="BusyServerError: 503"):
        failing.read("a")
    assert len(Failing.errors) == 4


def test_a_store_that_is_away_does_not_say_that_a_file_is_not_there(failing: Folder) -> None:
    failing.write("a", b"hello")
    Failing.errors = [BusyServerError("503")]
    assert failing.exists("a")
    Failing.errors = [BusyServerError("503")] * 10
    with pytest.raises(OSError, match="503"):
        failing.exists("a")
    Failing.errors = []
    assert not failing.exists("b")


@pytest.mark.parametrize("error", [OSError(28, "No space left"), PermissionError(13, "no"), KeyError("a mistake")])
def test_what_does_not_pass_is_not_tried_again(failing: Folder, error: Exception) -> None:
    Failing.errors = [ValueError("never reached"), error]
    with pytest.raises(type(error)):
        failing.write("a", b"hello")
    assert len(Failing.errors) == 1
