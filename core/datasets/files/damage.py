"""What a file may not do: raise the exceptions of its library, or unpack to far more than it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import DataError

MAX_RATIO = 200  # of unpacked to packed bytes, for what unpacks to more than MAX_UNPACKED
MAX_UNPACKED = 256 << 20
MAX_IMAGE = 256 << 20  # bytes of one image, or of one compressed block
MAX_LABELS = 512 << 20  # bytes of all labels


@contextmanager
def readable(name: str, kind: str) -> Iterator[None]:
    """Turn any exception of a library that reads a damaged file into a DataError.

    Args:
        name: of the file, for the message.
        kind: what was expected, such as ``an HDF5 file``.

    Raises:
        DataError: the block raised an exception.

    >>> with readable("set.npz", "an .npz file"):
    ...     raise EOFError("no more data")
    Traceback (most recent call last):
    core.errors.DataError: expected set.npz: an .npz file; got EOFError: no more data; the file is damaged or of another format
    """  # noqa: E501
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - libraries raise various exceptions for damaged files
        reason = printable(" ".join(f"{type(error).__name__}: {error}".split()))[:200]
        raise DataError(f"{name}: {kind}", reason, "the file is damaged or of another format") from None


def printable(name: str) -> str:
    r"""A name from a file for messages and notes, with escapes for control characters and what is no text.

    >>> printable("x\x1b[2J")
    'x\\x1b[2J'
    """
    if name.isprintable():
        return name
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in name)


def check_unpacked(name: str, packed: int, unpacked: int) -> None:
    """Refuse data that unpacks to far more than it holds.

    Args:
        name: of the file or array, for the message.
        packed: bytes in the file.
        unpacked: bytes in memory.

    Raises:
        DataError: ``unpacked`` is over ``MAX_UNPACKED`` and over ``MAX_RATIO`` times ``packed``.
    """
    if unpacked > max(MAX_UNPACKED, MAX_RATIO * packed):
        raise DataError(
            f"{name}: compressed data that unpacks to at most {MAX_RATIO} times its size",
            f"{packed:,} bytes that unpack to {unpacked:,}",
            "store it without compression if it is genuine",
        )
