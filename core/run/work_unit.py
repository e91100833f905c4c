"""Work units: what one message asks a worker to do, either a range of shards, often just one, or the reduce."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

MAX_RANGE = 256
_IMAGES = 256  # enough images to make a task worth its message and its files
_PIXELS = 4 << 20  # largest number of values, so that a worker's memory stays what one shard needs
_TASKS = 64  # fewest tasks of a run, so that as many workers can share it


@dataclass(frozen=True, order=True)
class ShardRange:
    """Neighbouring shards ``first`` to ``last`` (included) that one task attacks; often just one.

    They share an attempt, a file of images, one of rows, and a record, because a message and a file cost as
    much for ten images as for hundreds.

    Example:
        >>> shards = ShardRange(3, 7)
        >>> str(shards), shards.name, len(shards), 5 in shards
        ('shards 3 to 7', '00000003-00000007', 5, True)
    """

    first: int
    last: int

    @property
    def is_single(self) -> bool:
        """Whether it is a single shard."""
        return self.first == self.last

    @property
    def name(self) -> str:
        """The stem of its file names: ``00000003``, or ``00000003-00000007``."""
        return f"{self.first:08d}" if self.is_single else f"{self.first:08d}-{self.last:08d}"

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.last + 1))

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and self.first <= index <= self.last

    def __str__(self) -> str:
        return f"shard {self.first}" if self.is_single else f"shards {self.first} to {self.last}"


@dataclass(frozen=True)
class Reduce:
    """The work unit that assembles the result from the finished shards."""

    name = "reduce"

    def __str__(self) -> str:
        return self.name


WorkUnit = ShardRange | Reduce
REDUCE = Reduce()


def single(index: int) -> ShardRange:
    """The range of shard ``index`` alone."""
    return ShardRange(index, index)


def range_size(images: int, shards: int, image_shape: tuple[int, ...]) -> int:
    """How many shards a task takes by default.

    Args:
        images: number of images in the run.
        shards: number of shards in the run.
        image_shape: (H, W, C).

    Example:
        >>> range_size(images=10_000, shards=64, image_shape=(28, 28, 1))
        1
        >>> range_size(images=10_000, shards=10_000, image_shape=(28, 28, 1))
        156
    """
    fitting = min(_IMAGES, _PIXELS // math.prod(image_shape)) // -(-images // shards)
    return max(1, min(fitting, MAX_RANGE, shards // _TASKS))
