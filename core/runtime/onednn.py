"""Which of its kernels TensorFlow computes with. It looks when it is imported."""

from __future__ import annotations

import os

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
WANTED = "1"


def ask_for_onednn() -> None:
    """Take oneDNN's on every processor; by itself, TensorFlow does so only where there is VNNI.

    They are faster with AVX2 alone too (docs/decisions/0015-speed.md), and one default gives processors
    with the same vector instructions the same bits. What the environment says already stays.
    """
    os.environ.setdefault(ONEDNN, WANTED)
