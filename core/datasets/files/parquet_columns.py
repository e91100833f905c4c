"""Which columns of a Parquet file are the images and the labels: by Hugging Face's description, types and names."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from core.datasets.files.array_names import IMAGE_NAMES, LABEL_NAMES, listed
from core.datasets.files.damage import printable
from core.datasets.source import ReadOptions
from core.errors import DataError

_KEYS = "name the columns with --keys IMAGES,LABELS"


@dataclass(frozen=True)
class Columns:
    """The columns to read.

    Attributes:
        images: name of the column.
        encoded: whether its values are image files (bytes); otherwise they are nested lists or tensors of pixels.
        labels: name of the column; None without.
        text: whether the labels are strings.
        class_names: of the labels' numbers; empty if unknown.
        notes: what to tell the user about the choice.
    """

    images: str
    encoded: bool
    labels: str | None
    text: bool
    class_names: tuple[str, ...]
    notes: list[str] = field(compare=False)


def choose_columns(file: str, schema: pa.Schema, options: ReadOptions) -> Columns:
    """Choose the columns of images and labels by their types, then by their names.

    Args:
        file: for messages.
        schema: with Hugging Face's description of the features, if there is one.
        options: ``keys``.

    Raises:
        DataError: no column or more than one looks like images, or ``keys`` names a column that isn't there.
    """
    features = _features(schema)
    if len(options.keys) > 2:
        raise DataError("--keys IMAGES or --keys IMAGES,LABELS", f"{len(options.keys)} names", "name at most two")
    for key in options.keys:
        if key not in schema.names:
            raise DataError(f"{file}: a column {key!r}", listed(schema.names), "check --keys")
    images = options.keys[0] if options.keys else _images(file, schema, features)
    labels = options.keys[1] if len(options.keys) > 1 else None
    notes = []
    if not options.keys:
        labels = _labels(file, schema, features)
        if labels is None and len(schema.names) > 1:
            notes.append(f"{printable(images)} was read without labels, since no other column looks like them")
    kind = schema.field(images).type
    if not _is_image(kind):
        raise DataError(f"{file}: images in the column {images!r}", f"type {kind}"[:200], _KEYS)
    return Columns(
        images,
        _is_encoded(_plain(kind)),
        labels,
        _is_text(schema, labels),
        _class_names(features.get(labels or "")),
        notes,
    )


def _images(file: str, schema: pa.Schema, features: dict[str, Any]) -> str:
    typed = [name for name in schema.names if _is_image_feature(features.get(name))]
    typed = typed or [name for name in schema.names if _is_struct_of_bytes(_plain(schema.field(name).type))]
    named = [name for name in schema.names if name.lower() in IMAGE_NAMES and _is_image(schema.field(name).type)]
    found = typed or named or [name for name in schema.names if _is_pixels(schema.field(name).type)]
    if len(found) != 1:
        got = " and ".join(map(printable, found)) if found else listed(schema.names)
        raise DataError(f"{file}: one column of images", got, _KEYS)
    return str(found[0])


def _labels(file: str, schema: pa.Schema, features: dict[str, Any]) -> str | None:
    typed = [name for name in schema.names if _feature(features.get(name)).get("_type") == "ClassLabel"]
    found = typed or [
        name for name in schema.names if name.lower() in LABEL_NAMES and not _is_image(schema.field(name).type)
    ]
    if len(found) > 1:
        raise DataError(f"{file}: one column of labels", " and ".join(map(printable, found)), _KEYS)
    return found[0] if found else None


def _features(schema: pa.Schema) -> dict[str, Any]:
    """Hugging Face's description of the columns; empty if there is none that can be read."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _feature(feature: Any) -> dict[str, Any]:
    return feature if isinstance(feature, dict) else {}


def _is_image_feature(feature: Any) -> bool:
    return _feature(feature).get("_type") == "Image"


def _class_names(feature: Any) -> tuple[str, ...]:
    names = _feature(feature).get("names")
    return tuple(printable(str(name)) for name in names) if isinstance(names, list) else ()


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type that an extension type is stored as."""
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _is_image(kind: pa.DataType) -> bool:
    return _is_encoded(_plain(kind)) or _is_pixels(kind)


def _is_encoded(kind: pa.DataType) -> bool:
    return _is_bytes(kind) or _is_struct_of_bytes(kind)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_struct_of_bytes(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind):
        return False
    return any(kind.field(i).name == "bytes" and _is_bytes(kind.field(i).type) for i in range(kind.num_fields))


def _is_pixels(kind: pa.DataType) -> bool:
    """Whether it is a tensor, or lists nested two or three deep, of numbers."""
    if isinstance(kind, pa.FixedShapeTensorType):
        return len(kind.shape) in {2, 3} and _is_number(kind.value_type)
    kind, depth = _plain(kind), 0
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind, depth = kind.value_type, depth + 1
    return depth in {2, 3} and _is_number(kind)


def _is_text(schema: pa.Schema, name: str | None) -> bool:
    kind = schema.field(name).type if name else pa.null()
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
