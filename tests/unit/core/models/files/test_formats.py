from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from core.errors import ModelError
from core.models.files.formats import file_suffix
from core.models.files.loading import load_model
from tests.runs import save_model

TORCH, ONNX, WEIGHTS = "torch.onnx.export", "onnx2tf -i model.onnx -o folder", "model.load_weights"


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as refused:
        file_suffix(path)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_formats_are_recognised_by_content(tmp_path: Path) -> None:
    assert file_suffix(zipped(tmp_path / "a.h5", "config.json", "model.weights.h5")) == ".keras"
    assert file_suffix(zipped(tmp_path / "b.keras", "saved_model.pb", "variables/variables.index")) == ".savedmodel.zip"
    assert file_suffix(write(tmp_path / "c" / "saved_model.pb", b"").parent) == ".savedmodel.zip"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_hdf5_is_recognised_by_content(tmp_path: Path) -> None:
    save_model(tmp_path / "model.h5").rename(tmp_path / "model.keras")
    assert file_suffix(tmp_path / "model.keras") == ".h5"


@pytest.mark.parametrize(
    ("name", "content", "kind", "advice"),
    [
        ("m.onnx", b"\x08\x08\x12\x07pytorch", "an ONNX file", ONNX),
        ("m.pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9", "a PyTorch file", TORCH),
        ("m.safetensors", b"\x10\0\0\0\0\0\0\0{}", "a safetensors file", TORCH),
        ("m.bin", b'\x10\0\0\0\0\0\0\0{"a": 1}', "a safetensors file", TORCH),
        ("m.tflite", b"\x1c\0\0\0TFL3", "a TensorFlow Lite file", "no gradients"),
        ("saved_model.pb", b"\x08\x01", "the graph of a SavedModel", "give its folder"),
        ("m.json", b"{}", "a file of another format", "model.save"),
    ],
)
def test_other_files_are_named_with_their_conversion(
    tmp_path: Path, name: str, content: bytes, kind: str, advice: str
) -> None:
    said = refusal(write(tmp_path / name, content))
    assert f"got {kind}" in said
    assert advice in said


def test_a_pytorch_archive_is_named(tmp_path: Path) -> None:
    said = refusal(zipped(tmp_path / "resnet.pt", "resnet/data.pkl", "resnet/data/0"))
    assert "got a PyTorch file" in said
    assert TORCH in said


def test_folders_of_other_libraries_are_named(tmp_path: Path) -> None:
    preset = write(tmp_path / "preset" / "config.json", b"{}").parent
    write(preset / "model.weights.h5", b"")
    assert "a KerasHub preset; convert it: keras_hub" in refusal(preset)
    torch = write(tmp_path / "hub" / "config.json", b"{}").parent
    write(torch / "model.safetensors", b"")
    assert "a PyTorch model of Hugging Face" in refusal(torch)
    assert "a folder without saved_model.pb" in refusal(tmp_path)


def test_weights_alone_are_named(tmp_path: Path) -> None:
    from tasks.session import load_tensorflow

    load_tensorflow()
    import h5py
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "old.h5", "w") as file:  # as Keras 2 wrote weights
        file.attrs["layer_names"] = [b"dense"]
    for name in ("m.weights.h5", "old.h5"):
        said = refusal(tmp_path / name)
        assert "got an HDF5 file of weights without the model" in said
        assert WEIGHTS in said
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["images"] = [1, 2, 3]
    assert "got an HDF5 file without a Keras model" in refusal(tmp_path / "data.h5")


def test_what_an_older_keras_saved_and_this_one_cannot_load_says_which(tmp_path: Path) -> None:
    import h5py

    layer = {"class_name": "Highway", "config": {"name": "h", "output_dim": 3, "init": "glorot_uniform"}}
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": [layer]})
        file.attrs["keras_version"] = "1.2.2"
        file.create_group("model_weights")
    with pytest.raises(ModelError, match=r"it was saved by Keras 1\.2\.2: load it there") as refused:
        load_model(tmp_path / "old.h5")
    assert "\n" not in str(refused.value)
