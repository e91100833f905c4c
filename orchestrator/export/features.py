"""The columns of an export for Hugging Face's ``datasets``: as Arrow types, and as its features."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from core.run.manifest import Manifest
from core.shard.ledger import schema
from orchestrator.export.columns import ledger_columns, names_of_classes

IMAGES = ("image", "original")
_CLASSES = ("label", "clean_prediction", "adversarial_prediction")  # columns that hold classes
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_OTHER_NAMES = {"double": "float64"}  # of Arrow's types


def features(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Each column's feature, as ``datasets.Features.to_dict`` has them.

    Columns of classes are a ClassLabel if the classes have names, the label only if the set has labels.
    """
    found: dict[str, dict[str, Any]] = {name: {"_type": "Image"} for name in IMAGES}
    names = list(names_of_classes(manifest))
    named = set(_CLASSES) if names and len(set(names)) == len(names) else set()
    if manifest.data.labels is None:
        named.discard("label")
    for field in (schema().field(name) for name in ["label", *ledger_columns()]):
        if field.name in named:
            found[field.name] = {"names": names, "_type": "ClassLabel"}
        else:
            kind = str(field.type)
            found[field.name] = {"dtype": _OTHER_NAMES.get(kind, kind), "_type": "Value"}
    return found


def arrow_schema(manifest: Manifest) -> pa.Schema:
    """The columns with the metadata that ``datasets`` looks for in a Parquet file."""
    found = features(manifest)
    metadata = {"huggingface": json.dumps({"info": {"features": found}})}
    return pa.schema([(name, _IMAGE) if name in IMAGES else schema().field(name) for name in found], metadata=metadata)


def card_features(manifest: Manifest) -> list[dict[str, Any]]:
    """The features as a dataset card lists them."""
    return [{"name": name, "dtype": _card_type(feature)} for name, feature in features(manifest).items()]


def _card_type(feature: dict[str, Any]) -> Any:
    if feature["_type"] == "ClassLabel":
        return {"class_label": {"names": {str(label): name for label, name in enumerate(feature["names"])}}}
    return feature.get("dtype", "image")
