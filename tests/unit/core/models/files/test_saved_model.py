from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ModelError
from core.models.files.card import resolve
from core.models.files.loading import load_model
from core.models.files.saved_model import packed, unpack
from core.models.inference.batch_invariance import settle
from core.models.inference.classifier import KerasClassifier
from core.models.inference.reading import SATURATES, read_model
from orchestrator.planning.inputs import file_input

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (12, 12, 1)


def network(activation: str | None = None, outputs: int = 3) -> Any:
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(outputs, activation=activation),
        ]
    )


def export(model: Any, folder: Path, how: str = "export") -> Path:
    if how == "export":
        model.export(folder, verbose=False)
    else:
        import tensorflow as tf

        serve = tf.function(lambda x: model(x, training=False), autograph=False)
        model.serve = serve.get_concrete_function(tf.TensorSpec((None, *SHAPE), tf.float32))
        tf.saved_model.save(model, str(folder), signatures=model.serve)
    return folder


def pack(folder: Path, archive: Path) -> Path:
    archive.write_bytes(b"".join(packed(folder)))
    return archive


@pytest.mark.parametrize("how", ["export", "save"])
def test_a_saved_model_has_the_logits_and_gradients_of_its_model(tmp_path: Path, how: str) -> None:
    import keras

    model = network()
    folder = export(model, tmp_path / "exported", how)
    archive = pack(folder, tmp_path / "packed.savedmodel.zip")
    x = np.random.default_rng(0).random((6, *SHAPE), np.float32)
    labels = np.arange(6) % 3
    expected = KerasClassifier(model, SHAPE, 6)
    for path in (folder, archive):
        loaded = load_model(path, trusted=True)
        assert read_model(loaded, SHAPE).output == "logits"
        found = settle(lambda size, loaded=loaded: KerasClassifier(loaded, SHAPE, size), 8, SHAPE)  # type: ignore[misc]
        for _ in range(2):
            np.testing.assert_allclose(found.logits(x), expected.logits(x), atol=1e-5)
            ours, theirs = found.gradient(x, labels, "margin")[1], expected.gradient(x, labels, "margin")[1]
            np.testing.assert_allclose(ours, theirs, atol=1e-5)
            np.testing.assert_allclose(found.rivals(x, labels, 2)[2], expected.rivals(x, labels, 2)[2], atol=1e-5)
            keras.backend.clear_session()  # as after each task


@pytest.mark.parametrize(("activation", "outputs"), [("softmax", 3), ("sigmoid", 1)])
def test_probabilities_that_cannot_be_taken_apart_come_with_a_warning(
    tmp_path: Path, activation: str, outputs: int
) -> None:
    model = network(activation, outputs)
    loaded = load_model(export(model, tmp_path / "exported"), trusted=True)
    reading = read_model(loaded, SHAPE)
    assert (reading.output, reading.notes) == ("probabilities", (SATURATES,))
    x = np.random.default_rng(0).random((5, *SHAPE), np.float32)
    exact, found = KerasClassifier(model, SHAPE, 5).logits(x), KerasClassifier(loaded, SHAPE, 5).logits(x)
    exact, found = exact - exact[:, :1], found - found[:, :1]  # logits are the same up to a constant
    np.testing.assert_allclose(found, exact, atol=1e-3)


@pytest.mark.slow
def test_it_is_loaded_only_where_it_is_trusted(tmp_path: Path) -> None:
    folder = export(network(), tmp_path / "exported")
    for path in (folder, pack(folder, tmp_path / "packed.zip")):
        with pytest.raises(ModelError, match=r"a SavedModel, whose graph can read and write files; .*--trust-model"):
            load_model(path)
    with pytest.raises(ModelError, match="--trust-model"):
        resolve(str(folder), SHAPE)
    name, path, card = resolve(str(folder), SHAPE, trusted=True)
    assert (name, path, card.classes, card.output) == ("exported", folder, 3, "logits")


def test_equal_folders_are_equal_archives(tmp_path: Path) -> None:
    folder = export(network(), tmp_path / "exported")
    first = file_input(folder)
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
    content = b"".join(file_input(folder).pieces())
    assert file_input(folder).blob == first.blob
    assert hashlib.sha256(content).hexdigest() == first.blob.sha256
    assert first.blob.name == f"{first.blob.sha256}.savedmodel.zip"
    (tmp_path / "again").mkdir()
    (tmp_path / "archive").write_bytes(content)
    unpack(tmp_path / "archive", tmp_path / "again")
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    assert len(files) >= 3
    for file in files:
        assert (tmp_path / "again" / file).read_bytes() == (folder / file).read_bytes()


def test_a_link_out_of_the_folder_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError, match="a link"):
        file_input(tmp_path / "model")


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "a/../../out", "a\\..\\out", "folder/"])
def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("saved_model.pb", b"graph")
        target.writestr(zipfile.ZipInfo(name), b"" if name.endswith("/") else b"out")
    folder = tmp_path / "inside" / "folder"
    folder.mkdir(parents=True)
    with pytest.raises(ModelError, match="a packed SavedModel; got BadZipFile: a file named"):
        unpack(archive, folder)
    assert {path.name for path in tmp_path.rglob("*")} <= {"evil.zip", "inside", "folder", "saved_model.pb"}


def test_an_archive_cannot_grow(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("saved_model.pb", bytes(10_000_000))
    with pytest.raises(ModelError, match="compressed content"):
        unpack(archive, tmp_path)


def test_a_function_that_is_no_classifier_of_floats_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    def save(name: str, function: Any, *spec: Any) -> Path:
        module = tf.Module()
        module.f = tf.function(function, autograph=False)
        tf.saved_model.save(module, str(tmp_path / name), signatures=module.f.get_concrete_function(*spec))
        return tmp_path / name

    cases = {
        "from uint8 to float32": save(
            "bytes", lambda x: tf.reshape(tf.cast(x, tf.float32), (-1, 4)), tf.TensorSpec((None, 2, 2, 1), tf.uint8)
        ),
        "input (1, 2, 2, 1)": save("one", lambda x: tf.reshape(x, (1, 4)), tf.TensorSpec((1, 2, 2, 1), tf.float32)),
    }
    for said, path in cases.items():
        with pytest.raises(ModelError) as refused:
            load_model(path, trusted=True)
        assert said in str(refused.value)
    two = save("two", lambda x: {"a": x[:, 0, 0], "b": x[:, 1, 0]}, tf.TensorSpec((None, 2, 2, 3), tf.float32))
    with pytest.raises(ModelError, match="1 inputs and 2 outputs"):
        read_model(load_model(two, trusted=True), (2, 2, 3))


def test_a_damaged_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="a SavedModel that loads"):
        load_model(tmp_path, trusted=True)
