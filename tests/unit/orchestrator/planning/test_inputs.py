from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError
from orchestrator.planning.inputs import array_input, file_input


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64])
def test_an_array_is_known_by_the_file_that_it_becomes(dtype: type[np.generic]) -> None:
    array = np.arange(24).astype(dtype).reshape(2, 3, 4)[:, ::2]
    found, file = array_input(array), io.BytesIO()
    np.save(file, np.ascontiguousarray(array))
    for _ in range(2):  # once to hash, once to write
        assert b"".join(found.pieces()) == file.getvalue()
    assert found.blob.sha256 == hashlib.sha256(file.getvalue()).hexdigest()
    assert found.blob.name == f"{found.blob.sha256}.npy"
    assert found.size == array.nbytes


def test_a_file_is_written_as_it_was_hashed(tmp_path: Path) -> None:
    """Also where somebody replaces it meanwhile. Its suffix is that of its content."""
    path, content = tmp_path / "model.h5", b"PK\x03\x04 a Keras 3 file under an old name"
    path.write_bytes(content)
    found = file_input(path)
    path.write_bytes(b"PK\x03\x04 another")
    assert b"".join(found.pieces()) == content
    assert found.blob.name == f"{hashlib.sha256(content).hexdigest()}.keras"
    path.write_bytes(b"neither")
    with pytest.raises(ModelError, match="a Keras file"):
        file_input(path)
