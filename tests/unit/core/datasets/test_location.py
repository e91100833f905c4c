from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from core.datasets.location import Location
from core.errors import DataError


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.npy", "b.npy", "x,y.npz", "photos/b/2.png", "photos/a/1.png", "photos/.hidden/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"content of " + name.encode())
    return tmp_path


def names(location: Location) -> list[str]:
    return [location.relative(path) for path in location.files()]


def test_a_file(place: Path) -> None:
    location = Location.of("a.npy")
    assert (location.name, location.suffix, location.is_folder) == ("a.npy", ".npy", False)
    with location.open(location.paths[0]) as file:
        assert file.read() == b"content of a.npy"
    assert location.size(location.paths[0]) == 16


def test_a_pair_and_a_pattern(place: Path) -> None:
    assert names(Location.of("b.npy,a.npy")) == ["b.npy", "a.npy"]
    assert names(Location.of("*.np[yz]")) == ["a.npy", "b.npy", "x,y.npz"]
    assert Location.of("*.np[yz]").suffix == ""


def test_a_file_whose_name_has_a_comma(place: Path) -> None:
    assert names(Location.of("x,y.npz")) == ["x,y.npz"]


def test_a_folder_is_listed_in_order_without_hidden_files(place: Path) -> None:
    location = Location.of("photos/")
    assert location.is_folder
    assert location.suffix == ""
    assert names(location) == ["a/1.png", "b/2.png"]


def test_links_may_lead_to_files_inside_the_folder_alone(place: Path) -> None:
    (place / "photos" / "a" / "inside.png").symlink_to(place / "photos" / "b" / "2.png")
    assert names(Location.of("photos")) == ["a/1.png", "a/inside.png", "b/2.png"]
    (place / "photos" / "a" / "outside.png").symlink_to(place / "a.npy")
    with pytest.raises(DataError, match=r"outside\.png"):
        Location.of("photos").files()


def test_a_file_system_in_memory() -> None:
    with fsspec.open("memory://location/a.npy", "wb") as file:
        file.write(b"here")
    location = Location.of("memory://location/a.npy")
    with location.open(location.paths[0]) as file:
        assert file.read() == b"here"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nothing.npz", "no file or folder nothing.npz"),
        ("*.parquet", r"no file matches \*.parquet"),
        ("a.npy,photos", "a folder, photos"),
        ("a.npy,memory://b.npy", "one file system"),
        ("nowhere://a.npy", "Protocol not known"),
    ],
)
def test_what_is_not_there_is_named(place: Path, given: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Location.of(given)
