"""Skips tests of what this machine's processor doesn't have."""

from __future__ import annotations

import pytest

from core.runtime.bfloat16 import bfloat16_instructions

NEEDS_BFLOAT16 = pytest.mark.skipif(
    bfloat16_instructions() is None, reason="this processor has no instructions for bfloat16"
)
