"""What the forms of a gradient take, in multiplications that fill the vector units.

The constants fit the times of eleven first layers, most of them within a quarter (``python -m bench layers``).
"""

from __future__ import annotations

LANES = 16  # channels that are computed at a time
MOVED = 70  # multiplications in the time that a float takes to be written, read and added
_ALONE = 1.35  # one vector of channels keeps the unit waiting for its inputs


def multiplications(pairs: int, channels: int) -> float:
    """Of ``pairs`` with each of so many channels, those of idle lanes included."""
    vectors = -(-channels // LANES)
    return pairs * vectors * LANES * (_ALONE if vectors == 1 else 1)
