from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest

from core.errors import IntegrityError
from core.run.manifest import Blob, StageConfig
from core.run.run_store import RunStore
from core.shard.run_assets import assets_of

ARRAY = np.arange(12, dtype=np.float32).reshape(3, 4)


def npy_file() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, ARRAY)
    return buffer.getvalue()


CONTENT = npy_file()


def with_asset(run: RunStore) -> StageConfig:
    """A stage of the run that needs a file of CONTENT."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    blob = Blob(name=f"{digest}.npy", sha256=digest)
    run.inputs.write(blob, lambda: [CONTENT])
    return StageConfig(attack="composition", assets={"candidates": blob})


def test_on_a_disk_the_file_of_the_run_is_used_itself(tmp_path: Path) -> None:
    run = RunStore(str(tmp_path / "run"))
    found = assets_of(run, with_asset(run))
    assert set(found) == {"candidates"}
    assert found["candidates"].path.is_relative_to(tmp_path / "run" / "inputs")
    assert found["candidates"].sha256 == hashlib.sha256(CONTENT).hexdigest()
    np.testing.assert_array_equal(found["candidates"].array(), ARRAY)


def test_from_another_store_a_copy_is_kept_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVSHARD_CACHE", str(tmp_path / "cache"))
    run = RunStore(f"memory://{tmp_path.name}/run")
    found = assets_of(run, with_asset(run))["candidates"]
    assert found.path.is_relative_to(tmp_path / "cache")
    assert found.path.read_bytes() == CONTENT
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [found.path]


@pytest.mark.parametrize("kept", [b"", b"torn", None])
def test_a_copy_is_used_again_and_a_damaged_one_is_fetched_again(
    tmp_path: Path, kept: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVSHARD_CACHE", str(tmp_path / "cache"))
    first = RunStore(f"memory://{tmp_path.name}/first")
    copy = assets_of(first, with_asset(first))["candidates"].path
    second = RunStore(f"memory://{tmp_path.name}/second")
    stage = with_asset(second)
    if kept is None:
        second.folder.remove(f"inputs/{stage.assets['candidates'].name}")  # so that nothing can be fetched
    else:
        copy.write_bytes(kept)
    assert assets_of(second, stage)["candidates"].path.read_bytes() == CONTENT


@pytest.mark.parametrize("damage", ["missing", "changed"])
@pytest.mark.parametrize("place", ["disk", "memory"])
def test_a_missing_or_damaged_file_is_an_error(
    tmp_path: Path, damage: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVSHARD_CACHE", str(tmp_path / "cache"))
    run = RunStore(str(tmp_path / "run") if place == "disk" else f"memory://{tmp_path.name}/run")
    stage = with_asset(run)
    name = f"inputs/{stage.assets['candidates'].name}"
    if damage == "missing":
        run.folder.remove(name)
    else:
        run.folder.write(name, CONTENT[:-1])
    with pytest.raises(IntegrityError, match=name):
        assets_of(run, stage)
