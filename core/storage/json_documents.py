"""The JSON documents of a run: read with suspicion, since others may have written or damaged them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from core.errors import IntegrityError
from core.storage.folder import Folder

V = TypeVar("V", bound=BaseModel)

LARGEST = 16 << 20  # bytes: a report with every one of 100,000 shards missing has 4 MB


def encode(value: BaseModel, indent: int | None = None) -> bytes:
    """The document of a value."""
    return value.model_dump_json(indent=indent).encode()


def decode(kind: type[V], content: bytes, name: str) -> V:
    """The value of a document (its first ``LARGEST`` bytes are enough); raises IntegrityError for any other."""
    if len(content) >= LARGEST:
        raise IntegrityError(f"{name}: larger than any {kind.__name__}")
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))[:200]
        raise IntegrityError(f"{name}: not a valid {kind.__name__}: {where}: {first['msg'][:300]}") from None


def read_document(folder: Folder, kind: type[V], name: str) -> V | None:
    """The document in a file; None where there is none. Raises IntegrityError."""
    try:
        return decode(kind, folder.read(name, 0, LARGEST), folder.path(name))
    except FileNotFoundError:
        return None


def read_documents(folder: Folder, kind: type[V], names: Sequence[str]) -> list[V | IntegrityError | None]:
    """Several documents of one kind, or what is wrong with them; None for one that is not there."""
    contents = folder.read_many([(name, 0, LARGEST) for name in names])
    found: list[V | IntegrityError | None] = []
    for name, content in zip(names, contents, strict=True):
        try:
            found.append(None if content is None else decode(kind, content, name))
        except IntegrityError as error:
            found.append(error)
    return found
