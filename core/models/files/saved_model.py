"""SavedModel folders: packed as one archive for the store, and loaded as a function from images to outputs.

The graph of a SavedModel is a program that can read and write files, so only trusted ones are loaded.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from core.errors import ModelError

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a ZIP file can hold
_PIECE = 16 << 20  # bytes
_EXPORT = "export it with model.export('folder'), or tf.saved_model.save(model, 'folder', signatures=function)"


def files_of(folder: Path) -> list[Path]:
    """The files of a SavedModel by name; raises ModelError for a link out of the folder."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in found:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ModelError(f"{folder}: a folder with files of its own", f"{path}, a link", "copy the file there")
    return found


def packed(folder: Path) -> Iterator[bytes]:
    """The folder as an uncompressed ZIP archive, piece by piece, the same bytes for the same files."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:  # type: ignore[call-overload]  # a writer without seek is enough
        for path in files_of(folder):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            info.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(info, "w") as member:
                while piece := source.read(_PIECE):
                    member.write(piece)
                    yield sink.taken()
    yield sink.taken()


class _Sink:
    """A file that hands out what was written."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, content: bytes) -> int:
        self._pieces.append(bytes(content))
        return len(content)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        content, self._pieces = b"".join(self._pieces), []
        return content


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive made by ``packed``.

    Raises:
        ModelError: it names a file outside the folder, or would grow.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            members = source.infolist()
            if sum(each.file_size for each in members) > archive.stat().st_size:
                raise zipfile.BadZipFile("compressed content")
            for each in members:
                name = PurePosixPath(each.filename)
                if name.is_absolute() or ".." in name.parts or "\\" in each.filename or each.is_dir():
                    raise zipfile.BadZipFile(f"a file named {each.filename!r}")
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with source.open(each) as content, target.open("xb") as file:
                    shutil.copyfileobj(content, file)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        raise ModelError(f"{archive.name}: a packed SavedModel", f"{type(error).__name__}: {error}", _EXPORT) from None


class SavedModel:
    """The serving function of a SavedModel, to be called like a keras.Model.

    Attributes:
        name: of the folder.
        inputs, outputs: one tf.TensorSpec each.
        variables: its weights, tf.Variables.
    """

    def __init__(self, folder: Path, name: str) -> None:
        import tensorflow as tf

        try:
            self._loaded = tf.saved_model.load(str(folder))  # kept: it owns the variables
        except Exception as error:  # noqa: BLE001 - TensorFlow raises various exceptions for damaged files
            raise ModelError(
                f"{name}: a SavedModel that loads", f"{type(error).__name__}: {str(error)[:200]}", _EXPORT
            ) from None
        self.name = name
        self._function = _serving_function(name, self._loaded.signatures)
        arguments = self._function.structured_input_signature[1]
        results = self._function.structured_outputs
        self.inputs, self.outputs = list(arguments.values()), list(results.values())
        self._argument, self._result = next(iter(arguments), ""), next(iter(results), "")
        self.variables = list(self._function.variables)
        self._check()

    def __call__(self, x: Any, *, training: bool = False) -> Any:  # noqa: ARG002 - the signature of a keras.Model
        """The output for images as the function takes them."""
        import tensorflow as tf

        return self._function(**{self._argument: tf.cast(x, self.inputs[0].dtype)})[self._result]

    def _check(self) -> None:
        if len(self.inputs) != 1 or len(self.outputs) != 1:
            return  # reported where the shapes are read
        taken, given = self.inputs[0], self.outputs[0]
        if not (taken.dtype.is_floating and given.dtype.is_floating):
            raise ModelError(
                f"{self.name}: a function from floats to floats",
                f"one from {taken.dtype.name} to {given.dtype.name}",
                "export the model without the conversion of its input or output",
            )
        if taken.shape.rank is None or given.shape.rank is None or taken.shape[0] is not None:
            raise ModelError(
                f"{self.name}: a function of any number of images (None, H, W, C)",
                f"input {taken.shape}, output {given.shape}",
                "export it with a free first dimension",
            )


def load_saved_model(path: Path) -> SavedModel:
    """Load a SavedModel, a folder or packed; its variables are in memory afterwards. Only for trusted models."""
    if path.is_dir():
        return SavedModel(path, path.resolve().name)
    with tempfile.TemporaryDirectory() as folder:
        unpack(path, Path(folder))
        return SavedModel(Path(folder), path.name)


def _serving_function(name: str, signatures: Any) -> Any:
    if "serving_default" in signatures:
        return signatures["serving_default"]
    if len(signatures) == 1:
        return next(iter(signatures.values()))
    raise ModelError(
        f"{name}: a SavedModel with a function named serving_default", ", ".join(signatures) or "none", _EXPORT
    )
