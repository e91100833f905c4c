from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.datasets.arrays import ArraySource
from core.datasets.conversion.normalise import Target
from core.datasets.source import BrokenImage
from orchestrator.planning.images import choose, spool
from orchestrator.planning.request import Request

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 5, 6, 1), np.uint8)
LABELS = np.repeat([2, 0, 1], 4)
TARGET = Target((5, 6, 1), (0.0, 1.0))


def chosen(labels: Any = LABELS, **change: Any) -> Any:
    return choose(Request(store="", **change), ArraySource("set", IMAGES, labels))


def test_the_first_images_of_one_class_are_noted() -> None:
    assert any("--sample 4" in note for note in chosen(limit=4).labels.notes)
    for quiet in (
        chosen(limit=5),
        chosen(limit=1),
        chosen(),
        chosen(np.zeros(12, int), limit=4),
        chosen(None, limit=4),
    ):
        assert quiet.labels.notes == ()


def test_a_sample_has_images_of_each_class() -> None:
    found = chosen(sample=6)
    assert np.bincount(found.labels.numbers[found.rows]).tolist() == [2, 2, 2]


@pytest.mark.parametrize("labels", [LABELS, None])
def test_images_and_labels_become_inputs(tmp_path: Path, labels: Any) -> None:
    found = spool(chosen(labels, sample=6), TARGET, tmp_path, None, resized=False)
    rows = chosen(labels, sample=6).rows
    np.testing.assert_array_equal(found.images.images, IMAGES[rows])
    assert (found.data.count, found.data.dtype, found.data.resampler) == (6, "uint8", None)
    if labels is None:
        assert found.data.labels is None
        assert len(found.inputs) == 1
    else:
        assert found.images.required_labels().tolist() == LABELS[rows].tolist()
        assert [each.blob for each in found.inputs] == [found.data.images, found.data.labels]


def test_what_was_left_out_and_how_it_was_read_are_described(tmp_path: Path) -> None:
    source = ArraySource("set", IMAGES[..., 0], LABELS)
    source.broken += [BrokenImage("a.png", "truncated")] * 2
    found = spool(choose(Request(store=""), source), TARGET, tmp_path, None, resized=True).data
    assert [(each.name, each.reason) for each in found.broken] == [("a.png", "truncated")]
    assert found.resampler == "pillow bilinear antialiased"
    assert any("grey" in note for note in found.notes)
