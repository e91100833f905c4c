from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from orchestrator.export.class_folders import class_folders


def test_names_become_safe() -> None:
    names = ["T-shirt/top", "../up", ".hidden", "", "con", 'a:b*c?"d', "Ankle boot", "\u732b", "x" * 300]
    assert class_folders(names, len(names)) == [
        "T-shirt_top", "_up", "hidden", "_", "_con", "a_b_c__d", "Ankle boot", "\u732b", "x" * 60,
    ]  # fmt: skip


def test_labels_without_names_sort_as_numbers() -> None:
    folders = class_folders([], 101)
    assert (folders[0], folders[100]) == ("000", "100")
    assert folders == sorted(folders)


@pytest.mark.parametrize("names", [["a/b", "a:b"], ["Cat", "cat"], ["same", "same"], ["", "."]])
def test_two_classes_never_share_a_folder(names: list[str]) -> None:
    with pytest.raises(ConfigError, match="class names that differ as names of folders"):
        class_folders(["other", *names], 3)


@given(st.text())
def test_any_name_stays_one_visible_folder(name: str) -> None:
    (folder,) = class_folders([name], 1)
    assert folder
    assert "/" not in folder
    assert "\0" not in folder
    assert not folder.startswith(".")
    assert len(folder.encode()) <= 255
