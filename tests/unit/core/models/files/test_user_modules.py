from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError, ModelError
from core.models.files.loading import load_model
from core.models.files.user_modules import checked_modules, custom_objects, import_modules
from tests.custom_layer import save_custom, write_layers

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """What a test imports is gone after it."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith(("mine_", "advshard_import_")):
            del sys.modules[name]


@pytest.mark.parametrize("registered", [False, True])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_layer_of_the_users_own_needs_its_module(tmp_path: Path, suffix: str, registered: bool) -> None:
    name = f"mine_{suffix[1:]}_{registered}"
    layers = write_layers(tmp_path / f"{name}.py", registered=registered)
    model, expected = save_custom(tmp_path / f"model{suffix}", layers)
    with pytest.raises(ModelError, match=r"--import FILE\.py --trust-model"):
        load_model(model)
    with pytest.raises(ModelError, match=r"--import FILE\.py --trust-model"):
        load_model(model, trusted=True)
    import_modules([str(layers)])
    x = np.ones((2, 12, 12, 1), np.float32)
    np.testing.assert_allclose(load_model(model, trusted=True)(x), expected(x), atol=1e-6)


def test_a_module_is_found_in_the_working_directory_and_shadows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tasks.py").write_text("raise RuntimeError('shadowed')\n")
    (tmp_path / "mine_helper.py").write_text("FACTOR = 3\n")
    (tmp_path / "mine_module.py").write_text(
        "import tasks\nfrom mine_helper import FACTOR\ndef triple(x): return FACTOR * x\n"
    )
    monkeypatch.chdir(tmp_path)
    import_modules(checked_modules(["mine_module"]))
    assert custom_objects()["triple"](2) == 6
    assert "FACTOR" not in custom_objects()
    assert sys.path[-1] == str(tmp_path)


def test_a_file_named_like_a_module_takes_another_name(tmp_path: Path) -> None:
    import tasks

    file = tmp_path / "tasks.py"
    file.write_text("def mine_from_tasks(): return 'mine'\n")
    import_modules(checked_modules([str(file)]))
    assert sys.modules["tasks"] is tasks
    assert custom_objects()["mine_from_tasks"]() == "mine"


def test_a_module_is_imported_once(tmp_path: Path) -> None:
    file = tmp_path / "mine_once.py"
    file.write_text(f"import pathlib\nwith pathlib.Path({str(tmp_path / 'log')!r}).open('a') as f: f.write('x')\n")
    for _ in range(3):
        import_modules([str(file)])
    assert (tmp_path / "log").read_text() == "x"


@pytest.mark.parametrize("given", ["no_such_module_anywhere", "none.py", "a b", "../x", ""])
def test_what_is_not_there_is_refused_before_it_is_imported(given: str) -> None:
    with pytest.raises(ConfigError, match=r"--import MODULE or FILE\.py"):
        checked_modules([given])


def test_a_relative_file_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_file.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert checked_modules(["mine_file.py"]) == (str(tmp_path / "mine_file.py"),)


def test_a_module_that_fails_says_how(tmp_path: Path) -> None:
    file = tmp_path / "mine_broken.py"
    file.write_text("raise ValueError('half\\ndone')\n")
    with pytest.raises(ModelError, match=r"mine_broken\.py: a module that can be imported; got ValueError: half;"):
        import_modules([str(file)])
    assert "mine_broken" not in sys.modules
