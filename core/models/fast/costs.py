"""A cost model for the forms of a gradient, in multiplications at full vector width.

The constants are fitted to the times of eleven first layers, most of them within 25% (``python -m bench layers``).
"""

from __future__ import annotations

LANES = 16  # channels per vector
MOVED = 70  # multiplications in the time it takes to write, read and add one float
_ALONE = 1.35  # slowdown with a single vector of channels, where the unit waits for its inputs


def multiplications(pairs: int, channels: int) -> float:
    """The cost of ``pairs`` multiplications per channel, including those of idle lanes."""
    vectors = -(-channels // LANES)
    return pairs * vectors * LANES * (_ALONE if vectors == 1 else 1)
