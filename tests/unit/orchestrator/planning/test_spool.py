from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orchestrator.planning.inputs import array_input
from orchestrator.planning.spool import Spool

LEVELS = np.random.default_rng(0).integers(0, 256, (10, 3, 4, 1), np.uint8)


def spooled(folder: Path, pieces: list[Any], expected: int) -> Spool:
    spool = Spool(folder, expected, (3, 4, 1))
    for piece in pieces:
        spool.append(piece)
    return spool


@pytest.mark.parametrize("expected", [10, 11, 10**9])
def test_the_file_is_that_of_the_whole_array(tmp_path: Path, expected: int) -> None:
    """Also where fewer images came than were expected, because some were broken."""
    made, images = spooled(tmp_path, np.split(LEVELS, [1, 7]), expected).finish()
    np.testing.assert_array_equal(images, LEVELS)
    assert made.blob == array_input(LEVELS).blob
    assert made.file is not None
    content = made.file.read_bytes()
    assert hashlib.sha256(content).hexdigest() == made.blob.sha256
    assert b"".join(made.pieces()) == content
    assert made.size == len(content)
    np.testing.assert_array_equal(np.load(made.file), LEVELS)


def test_rewriting_changes_every_image_and_the_type(tmp_path: Path) -> None:
    spool = spooled(tmp_path, np.split(LEVELS, [4]), 10)
    spool.rewrite(lambda images: images / np.float32(255))
    spool.append(LEVELS[:2] / np.float32(255))
    assert spool.count == 12
    made, images = spool.finish()
    expected = np.concatenate([LEVELS, LEVELS[:2]]) / np.float32(255)
    np.testing.assert_array_equal(images, expected)
    assert made.blob == array_input(expected).blob
    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_is_no_array(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 3, (3, 4, 1))
    spool.rewrite(lambda images: images)
    assert spool.count == 0
    with pytest.raises(ValueError, match="no images"):
        spool.finish()
