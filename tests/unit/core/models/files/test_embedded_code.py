"""Models that bring code: refused without running it, and run where they are trusted."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError
from core.models.files.card import resolve
from core.models.files.embedded_code import refuse_own_code
from core.models.files.loading import load_model
from tests.runs import SHAPE, save_model
from tests.traps import save_named_trap, save_trap

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
IMAGES = np.zeros((2, *SHAPE), np.float32)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("where", ["flat", "nested", "wrapped"])
def test_code_runs_only_where_the_file_is_trusted(tmp_path: Path, where: str, suffix: str) -> None:
    mark = tmp_path / "executed"
    path = save_trap(tmp_path / f"trap{suffix}", mark, where)
    with pytest.raises(ModelError, match=r"without embedded code; got one with a layer Lambda; .*--trust-model"):
        load_model(path)
    assert not mark.exists()
    load_model(path, trusted=True)(IMAGES)
    assert mark.exists()


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_keras_itself_refuses_marshalled_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    """The second line of defence, for what our own look should miss."""
    monkeypatch.setattr("core.models.files.loading.refuse_own_code", lambda path, suffix: None)
    mark = tmp_path / "executed"
    with pytest.raises(ModelError, match="safe mode"):
        load_model(save_trap(tmp_path / f"trap{suffix}", mark))
    assert not mark.exists()


def test_a_function_of_keras_is_not_called_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras 3.15's safe mode loads this file, and the picture is written when the model is called."""
    import matplotlib.pyplot

    # Our workers import Keras without matplotlib.
    monkeypatch.setattr("keras.src.visualization.plot_image_gallery.plt", matplotlib.pyplot)
    mark = tmp_path / "mark.png"
    path = save_named_trap(tmp_path / "trap.keras", mark, "lambda")
    with pytest.raises(ModelError, match="without embedded code"):
        load_model(path)
    with pytest.raises(Exception, match="Got 'None'"):  # the function's result, for the next layer
        load_model(path, trusted=True)(IMAGES)
    assert mark.exists()


def test_what_is_not_a_part_of_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"plot_image_gallery .* of keras\.visualization"):
        load_model(save_named_trap(tmp_path / "trap.keras", tmp_path / "mark.png", "activation"))


@pytest.mark.parametrize(
    "part",
    [
        {"class_name": "TFSMLayer", "config": {"filepath": "/tmp/x"}},
        {"class_name": "TorchModuleWrapper", "config": {"module": "gASVAAAA"}},
        {"class_name": "Mine", "registered_name": "pack>Lambda", "config": {}},
        {"class_name": "__lambda__", "config": {"value": "4wEA"}},
        {"class_name": "function", "module": "os", "config": "system"},
        {"class_name": "get_file", "module": "keras.utils", "config": {}},
    ],
)
def test_code_is_found_in_any_depth(tmp_path: Path, part: dict[str, object]) -> None:
    def zipped(config: object) -> Path:
        with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
            archive.writestr("config.json", json.dumps(config))
        return tmp_path / "m.keras"

    config: object = [part]
    for _ in range(300):
        config = {"class_name": "Sequential", "module": "keras", "config": {"layers": [config, None, 1]}}
    with pytest.raises(ModelError, match="without embedded code"):
        refuse_own_code(zipped(config), ".keras")
    refuse_own_code(zipped({"class_name": "Dense", "module": "keras.layers", "config": {"name": "Lambda"}}), ".keras")


def test_a_file_of_two_formats_is_loaded_as_the_one_that_was_looked_at(tmp_path: Path) -> None:
    """An HDF5 file with a zip archive behind it, which is Keras's choice if the name ends in .keras."""
    mark = tmp_path / "executed"
    harmless = save_model(tmp_path / "harmless.h5").read_bytes()
    path = tmp_path / "both.keras"
    path.write_bytes(harmless + save_trap(tmp_path / "trap.keras", mark).read_bytes())
    assert zipfile.is_zipfile(path)
    load_model(path)(IMAGES)
    assert not mark.exists()


@pytest.mark.parametrize("bomb", ["[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_a_configuration_that_is_too_deep_is_refused(tmp_path: Path, bomb: str) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", bomb)
    with pytest.raises(ModelError, match="RecursionError"):
        load_model(tmp_path / "m.keras")


@pytest.mark.slow
def test_the_process_that_looks_at_a_model_runs_its_code_only_with_consent(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    path = str(save_trap(tmp_path / "trap.h5", mark))
    with pytest.raises(ModelError, match="--trust-model"):
        resolve(path, SHAPE)
    assert not mark.exists()
    assert resolve(path, SHAPE, trusted=True)[2].classes == 3
    assert mark.exists()
