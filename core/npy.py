"""The header of the .npy format, for files that are written as a stream and read by slice."""

from __future__ import annotations

import io
import struct

import numpy as np

from core.errors import IntegrityError

_MAGIC = b"\x93NUMPY"


def npy_header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """The header for a C-ordered array; its rows follow it as they are."""
    buffer = io.BytesIO()
    descr = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, descr)
    return buffer.getvalue()


def data_offset(head: bytes) -> int:
    """Where the data starts, from the first 12 bytes of the file."""
    if head[:6] != _MAGIC or len(head) < 12:
        raise IntegrityError("a .npy file was expected")
    if head[6] == 1:
        return 10 + int(struct.unpack("<H", head[8:10])[0])
    return 12 + int(struct.unpack("<I", head[8:12])[0])
