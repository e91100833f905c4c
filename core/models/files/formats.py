"""Recognises what is in a model's file or folder, by content, and names formats that have to be converted first."""

from __future__ import annotations

import zipfile
from pathlib import Path

from core.errors import ModelError

KERAS, HDF5, SAVED_MODEL = ".keras", ".h5", ".savedmodel.zip"
GRAPH = "saved_model.pb"  # the file that makes a folder a SavedModel
_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_WEIGHT_GROUPS = {"layers", "vars", "_layer_checkpoint_dependencies"}
_ACCEPTED = "a Keras file (.keras or .h5) or a SavedModel folder"
_SAVE = "save the model with model.save('name.keras')"
_TORCH = (
    "convert it: torch.onnx.export(model, images, 'model.onnx') for images (N, C, H, W), then as an ONNX file with"
    " --model model.onnx"
)
_ONNX = (
    "convert it: 'onnx2tf -i model.onnx -o folder', then --model folder --trust-model; docs/models.md has the packages"
)
_PRESET = (
    "convert it: keras_hub.models.ImageClassifier.from_preset('folder').export('exported'), then --model exported"
    " --trust-model"
)
_WEIGHTS = "build the model in Python, load them with model.load_weights, and " + _SAVE


def file_suffix(path: Path) -> str:
    """The format of a model: ``.keras``, ``.h5``, or ``.savedmodel.zip`` for a SavedModel, a folder or packed.

    Raises:
        ModelError: it is another format; the advice says how to convert it.
    """
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise ModelError(
            "the name of a shipped model or a Keras file", f"no file {path}", "check the path given to --model"
        )
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(_ZIP):
        return _archive(path)
    if head.startswith(_HDF5):
        _refuse_weights(path)
        return HDF5
    kind, advice = _other(path, head)
    raise ModelError(f"{path}: {_ACCEPTED}", kind, advice)


def _folder(path: Path) -> str:
    if (path / GRAPH).is_file():
        return SAVED_MODEL
    if (path / "config.json").is_file() and list(path.glob("*.weights.h5")):
        raise ModelError(f"{path}: {_ACCEPTED}", "a KerasHub preset", _PRESET)
    if (path / "config.json").is_file() and [*path.glob("*.safetensors"), *path.glob("pytorch_model*.bin")]:
        raise ModelError(f"{path}: {_ACCEPTED}", "a PyTorch model of Hugging Face", _TORCH)
    raise ModelError(_ACCEPTED, f"a folder without {GRAPH}, {path}", _SAVE)


def _archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return KERAS  # reported where it is loaded
    if GRAPH in names:
        return SAVED_MODEL
    if any(name.endswith("data.pkl") for name in names):
        raise ModelError(f"{path}: {_ACCEPTED}", "a PyTorch file", _TORCH)
    return KERAS


def _refuse_weights(path: Path) -> None:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if "model_config" in file.attrs:
                return
            weights = "layer_names" in file.attrs or not _WEIGHT_GROUPS.isdisjoint(file)
    except OSError:
        return  # reported where it is loaded
    kind = "an HDF5 file of weights without the model" if weights else "an HDF5 file without a Keras model"
    raise ModelError(f"{path}: {_ACCEPTED}", kind, _WEIGHTS if weights else _SAVE)


def _other(path: Path, head: bytes) -> tuple[str, str]:
    """The name of a format that has to be converted, and how."""
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return "an ONNX file", _ONNX
    if suffix in {".pt", ".pth", ".bin", ".ckpt"} and head.startswith(b"\x80"):
        return "a PyTorch file", _TORCH
    if suffix == ".safetensors" or head[8:10] == b'{"':
        return "a safetensors file of weights", _TORCH
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite file", "give the model that it was made from: it has no gradients"
    if path.name == GRAPH:
        return "the graph of a SavedModel", f"give its folder, {path.parent}"
    return "a file of another format", _SAVE
