"""A sample of an image set, read as a run would read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.conversion.in_memory import ArraySink
from core.datasets.conversion.labels import in_model_order
from core.datasets.conversion.normalise import Target, normalise
from core.datasets.conversion.selection import chosen_rows
from core.datasets.source import Piece, Source
from core.models.files.card import ModelCard
from core.models.inference.look import SAMPLE
from core.run.manifest import BrokenRef
from orchestrator.inspection.found import DataFound
from orchestrator.planning.images import Chosen
from orchestrator.planning.request import Request


@dataclass(frozen=True)
class Sample:
    """A sample of n images.

    Attributes:
        images: (n, H, W, C), uint8 or float32 within the bounds.
        labels: (n,); None without labels.
        data: what was understood.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64] | None
    data: DataFound


def read_sample(request: Request, chosen: Chosen, card: ModelCard, target: Target) -> Sample:
    """Read some of the chosen images, of each class in proportion; raises DataError as planning would.

    Args:
        request: the run that is considered.
        chosen: its images.
        card: of its model.
        target: the shape and range that the images are brought to.
    """
    source = _Watched(chosen.source)
    labels = in_model_order(source.name, chosen.labels, card.classes, card.class_names, request.classes)
    numbers = labels.numbers
    of_chosen = None if numbers is None else numbers[chosen.rows]
    rows = chosen.rows[chosen_rows(len(chosen.rows), of_chosen, None, SAMPLE, request.seed)]
    sink = ArraySink()
    read = normalise(source, rows, target, sink)
    data = DataFound(
        name=source.name,
        count=len(chosen.rows),
        in_source=source.count,
        shape=source.shape,
        dtype=source.dtype,
        range=(source.low, source.high),
        labelled=numbers is not None,
        class_names=labels.class_names,
        notes=tuple(dict.fromkeys((*labels.notes, *read.notes))),
        broken=tuple(BrokenRef(name=each.name, reason=each.reason) for each in dict.fromkeys(source.broken)),
    )
    return Sample(sink.images(), None if numbers is None else numbers[read.rows], data)


class _Watched:
    """A source that notes what its pieces are like. See Source."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name, self.count, self.class_names = source.name, source.count, source.class_names
        self.notes, self.broken = source.notes, source.broken  # the same lists, which grow
        self.shape: tuple[int, ...] = ()
        self.dtype, self.low, self.high = "", float("inf"), float("-inf")

    def labels(self) -> NDArray[Any] | None:
        """See Source."""
        return self._source.labels()

    def pieces(self, rows: NDArray[np.int64]) -> Iterator[Piece]:
        """See Source."""
        for piece in self._source.pieces(rows):
            if len(piece.rows):
                self.shape, self.dtype = piece.images.shape[1:], str(piece.images.dtype)
                self.low, self.high = (
                    min(self.low, float(piece.images.min())),
                    max(self.high, float(piece.images.max())),
                )
            yield piece
