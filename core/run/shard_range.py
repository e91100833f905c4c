"""Neighbouring shards that one task takes together, where each alone is little work.

They share an execution, a file of images, one of rows, and a record: a message and a file cost as much
for ten images as for hundreds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

MOST_TOGETHER = 256
_IMAGES = 256  # that make a task worth its message and its files
_PIXELS = 4 << 20  # values at most, so that a worker's memory stays what one shard needs
_TASKS = 64  # of a run at least, so that as many workers can share it


@dataclass(frozen=True)
class Span:
    """Shards first to last (included)."""

    first: int
    last: int

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.last + 1))

    def __len__(self) -> int:
        return self.last - self.first + 1


Shards = int | Span  # one by its number, or several


def indices_of(shards: Shards) -> list[int]:
    """The numbers of the shards."""
    return [shards] if isinstance(shards, int) else list(shards)


def title(shards: Shards) -> str:
    """For messages."""
    return f"shard {shards}" if isinstance(shards, int) else f"shards {shards.first} to {shards.last}"


def together(images: int, shards: int, image_shape: tuple[int, ...]) -> int:
    """How many shards a task takes, of a run of so many images in so many shards."""
    wanted = min(_IMAGES, _PIXELS // math.prod(image_shape)) // -(-images // shards)
    return max(1, min(wanted, MOST_TOGETHER, shards // _TASKS))
