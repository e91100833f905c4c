"""The header of the .npy format, for files that are written as a stream and read by slice."""

from __future__ import annotations

import io

import numpy as np


def npy_header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """The header for a C-ordered array; its rows follow it as they are.

    A reader knows shape and type beforehand, so it compares the header instead of believing it.
    """
    buffer = io.BytesIO()
    descr = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, descr)
    return buffer.getvalue()
