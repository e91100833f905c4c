"""The header of the .npy format, for files that are written as a stream and read in slices."""

from __future__ import annotations

import io

import numpy as np


def npy_header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """The header of a C-ordered array; the array's bytes follow it.

    A reader knows shape and type in advance, and compares the header instead of parsing it.
    """
    buffer = io.BytesIO()
    descr = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, descr)
    return buffer.getvalue()
