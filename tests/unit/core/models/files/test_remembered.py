from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import ModelError
from core.models.files.card import resolve
from core.models.files.remembered import remembered

SHAPE = (6, 5, 3)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ADVSHARD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "cards"


class Look:
    """Counts its calls."""

    def __init__(self, change: Any = None) -> None:
        self.calls, self._change = 0, change

    def __call__(self) -> dict[str, Any]:
        self.calls += 1
        if self._change:
            self._change()
        return {"classes": self.calls}


def save(path: Path, content: bytes = b"a model") -> Path:
    path.write_bytes(content)
    return path


def test_a_file_is_looked_at_once_whatever_its_name(tmp_path: Path, cache: Path) -> None:
    look = Look()
    found = [remembered(save(tmp_path / name), SHAPE, look) for name in ("one", "two", "one")]
    assert found == [{"classes": 1}] * 3
    assert look.calls == 1
    assert [each.suffix for each in cache.iterdir()] == [".json"]


def test_other_contents_shapes_and_versions_are_looked_at(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Look()
    path = save(tmp_path / "model")
    remembered(path, SHAPE, look)
    assert remembered(path, (6, 5, 1), look) == {"classes": 2}
    assert remembered(save(tmp_path / "other", b"another model"), SHAPE, look) == {"classes": 3}
    monkeypatch.setattr("core.models.files.remembered.versions", lambda: {"keras": "0"})
    assert remembered(path, SHAPE, look) == {"classes": 4}
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b"\xff"])
def test_a_damaged_entry_is_made_again(tmp_path: Path, cache: Path, damage: bytes) -> None:
    look = Look()
    path = save(tmp_path / "model")
    remembered(path, SHAPE, look)
    (kept,) = cache.iterdir()
    kept.write_bytes(damage)
    assert remembered(path, SHAPE, look) == {"classes": 2}
    assert json.loads(kept.read_bytes()) == {"classes": 2}


def test_a_file_that_changes_meanwhile_is_not_remembered(tmp_path: Path, cache: Path) -> None:
    path = save(tmp_path / "model")
    remembered(path, SHAPE, Look(lambda: save(path, b"another model")))
    assert not cache.exists()


def test_errors_are_not_remembered_and_a_cache_is_not_needed(tmp_path: Path, cache: Path) -> None:
    def refuse() -> dict[str, Any]:
        raise ModelError("a", "b", "c")

    path = save(tmp_path / "model")
    with pytest.raises(ModelError):
        remembered(path, SHAPE, refuse)
    cache.parent.write_bytes(b"a file, where the folder should be")
    assert remembered(path, SHAPE, Look()) == {"classes": 1}


def test_only_what_ran_no_code_of_the_file_is_remembered(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def ask(module: str, path: Path, image_shape: tuple[int, ...], *words: str) -> dict[str, Any]:
        asked.append(words)
        return {"image_shape": image_shape, "classes": 2}

    monkeypatch.setattr("core.models.files.card.ask", ask)
    path = save(tmp_path / "model.keras", b"PK\x03\x04 not a model")
    for trusted in (True, False, False, True):
        assert resolve(str(path), SHAPE, trusted=trusted)[2].classes == 2
    assert asked == [("trusted",), (), ("trusted",)]
