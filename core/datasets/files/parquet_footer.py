"""The row groups that the footer of a Parquet file describes.

pyarrow aborts the process on some damaged footers when it is asked for the metadata of a column chunk, where it raises
an exception when it reads the column. So the few numbers that are needed beforehand are parsed here: the footer is a
structure in Thrift's compact protocol (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md)
with the fields of https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO, Any

_MAGIC = b"PAR1"
_MAX_FOOTER = 64 << 20


@dataclass(frozen=True)
class Chunk:
    """One column of a row group: its name up to the first dot, its values, and its bytes in memory and in the file."""

    column: str
    values: int
    unpacked: int
    packed: int


@dataclass(frozen=True)
class RowGroup:
    """A row group: its number of rows and its column chunks."""

    rows: int
    chunks: tuple[Chunk, ...]


def read_row_groups(file: IO[bytes]) -> list[RowGroup]:
    """Read the footer of a Parquet file.

    Args:
        file: with ``seek``.

    Raises:
        Exception: of various types, if the file is damaged.
    """
    file.seek(-8, os.SEEK_END)
    end = file.read(8)
    length = int.from_bytes(end[:4], "little")
    if end[4:] != _MAGIC or length > _MAX_FOOTER:
        raise ValueError("no Parquet footer")
    file.seek(-8 - length, os.SEEK_END)
    footer = _Compact(file.read(length)).structure()
    return [_row_group(group) for group in footer[4]]


def _row_group(group: dict[int, Any]) -> RowGroup:
    chunks = []
    for chunk in group[1]:
        about = chunk[3]
        values, unpacked, packed = about[5], about[6], about[7]
        if min(values, unpacked, packed) < 0:
            raise ValueError("a negative size")
        chunks.append(Chunk(about[3][0].decode(), values, unpacked, packed))
    if group[3] < 0:
        raise ValueError("a negative number of rows")
    return RowGroup(group[3], tuple(chunks))


class _Compact:
    """Parses values of Thrift's compact protocol; a structure becomes a dictionary by the numbers of its fields."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def structure(self) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            kind = head & 15
            fields[number] = kind == 1 if kind in {1, 2} else self._value(kind)
        return fields

    def _value(self, kind: int) -> Any:
        if kind in {7, 13}:  # a double or a UUID
            return self._bytes(8 if kind == 7 else 16)
        parsers = {
            **dict.fromkeys((1, 2, 3), self._byte),
            **dict.fromkeys((4, 5, 6), self._zigzag),
            8: self._binary,
            **dict.fromkeys((9, 10), self._list),
            11: self._map,
            12: self.structure,
        }
        return parsers[kind]()

    def _list(self) -> list[Any]:
        head = self._byte()
        count = self._varint() if head >> 4 == 15 else head >> 4
        return [self._value(head & 15) for _ in range(count)]

    def _map(self) -> list[tuple[Any, Any]]:
        count = self._varint()
        kinds = self._byte() if count else 0
        return [(self._value(kinds >> 4), self._value(kinds & 15)) for _ in range(count)]

    def _binary(self) -> bytes:
        return self._bytes(self._varint())

    def _byte(self) -> int:
        self._at += 1
        return self._content[self._at - 1]

    def _bytes(self, count: int) -> bytes:
        self._at += count
        if self._at > len(self._content):
            raise ValueError("the footer is cut off")
        return self._content[self._at - count : self._at]

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128:
            value, shift = value | (byte & 127) << shift, shift + 7
            if shift > 63:
                raise ValueError("a number of more than 64 bits in the footer")
        return value | byte << shift

    def _zigzag(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
