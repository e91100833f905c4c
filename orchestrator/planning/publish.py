"""Writes a planned run: its inputs, then its manifest."""

from __future__ import annotations

from collections.abc import Iterable

from core.errors import StoreError
from core.run.manifest import Manifest
from core.run.run_store import RunStore
from orchestrator.planning.inputs import Input


def publish(run: RunStore, manifest: Manifest, inputs: Iterable[Input]) -> None:
    """Write the inputs, then the manifest: a run with a manifest has all its inputs.

    Raises:
        StoreError: the store refuses them.
    """
    try:
        for each in inputs:
            if each.file is None or not run.inputs.take_over(each.blob, each.file):
                run.inputs.write(each.blob, each.pieces)
        run.write_manifest(manifest)
    except OSError as error:
        raise StoreError(
            f"a store with room for the inputs at {run.url}",
            f"{type(error).__name__}: {error.strerror or error}",
            "make room and give the same command again",
        ) from None
