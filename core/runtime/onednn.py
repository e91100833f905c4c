"""Selects the kernels that TensorFlow computes with, before it is imported."""

from __future__ import annotations

import os

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
WANTED = "1"


def ask_for_onednn() -> None:
    """Use oneDNN's kernels on every processor; by default TensorFlow uses them only with VNNI.

    They are faster with AVX2 alone too (docs/decisions/0015-speed.md), and one default gives processors
    with the same vector instructions the same bits. A value in the environment takes precedence.
    """
    os.environ.setdefault(ONEDNN, WANTED)
