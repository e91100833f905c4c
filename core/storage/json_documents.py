"""Reads and writes the JSON documents of a run. They are validated, since others may have written or damaged them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from core.errors import IntegrityError
from core.storage.folder import Folder

V = TypeVar("V", bound=BaseModel)

LARGEST = 16 << 20  # bytes; a report of 100,000 missing shards has 4 MB


def encode(value: BaseModel, indent: int | None = None) -> bytes:
    """Encode a value as JSON."""
    return value.model_dump_json(indent=indent).encode()


def decode(kind: type[V], content: bytes, name: str) -> V:
    """Decode and validate a JSON document.

    Args:
        kind: the expected type.
        content: at most the first ``LARGEST`` bytes of the document.
        name: the document's name for error messages.

    Raises:
        IntegrityError: the document is too large or invalid.
    """
    if len(content) >= LARGEST:
        raise IntegrityError(f"{name}: larger than any {kind.__name__}")
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))[:200]
        raise IntegrityError(f"{name}: not a valid {kind.__name__}: {where}: {first['msg'][:300]}") from None


def read_document(folder: Folder, kind: type[V], name: str) -> V | None:
    """Read a document; None if there is no such file. Raises IntegrityError."""
    try:
        return decode(kind, folder.read(name, 0, LARGEST), folder.path(name))
    except FileNotFoundError:
        return None


def read_documents(folder: Folder, kind: type[V], names: Sequence[str]) -> list[V | IntegrityError | None]:
    """Read several documents of one type; each is the document, its error, or None if there is no such file."""
    contents = folder.read_many([(name, 0, LARGEST) for name in names])
    found: list[V | IntegrityError | None] = []
    for name, content in zip(names, contents, strict=True):
        try:
            found.append(None if content is None else decode(kind, content, name))
        except IntegrityError as error:
            found.append(error)
    return found
