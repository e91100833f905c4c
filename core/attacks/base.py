"""The base of all attacks: frozen hyper-parameters, and a function from images to changed images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from core.attacks.boundary.margins import margins
from core.datasets.base import ImageSet
from core.image.pixels import Bounds, Images
from core.models.inference.classifier import Classifier
from core.runtime.asset import Asset


@dataclass(frozen=True)
class Examples:
    """The images to attack.

    images: (n, H, W, C) float32 within ``bounds``.
    labels: (n,), the class to move each image away from, or with ``targeted``, towards.
    indices: (n,), each image's place in the data set; it selects its random numbers.
    levels: steps from the lowest to the highest pixel value, 255 where the images were 8-bit. An attack that can
        stays on these levels, so that its examples survive being saved. None: no such grid.
    assets: what the attack's ``prepare`` returned, by the same names.
    """

    images: Images
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]
    bounds: Bounds = (0.0, 1.0)
    seed: int = 0
    levels: int | None = None
    targeted: bool = False
    assets: Mapping[str, Asset] = field(default_factory=dict)

    def reached(self, predictions: NDArray[np.int64], rows: Any = slice(None)) -> NDArray[np.bool_]:
        """Whether these predictions (n,) of the examples at ``rows`` reach the goal: another class, or the target."""
        return np.asarray((predictions == self.labels[rows]) == self.targeted)

    def margins(self, logits: NDArray[np.float32], rows: Any = slice(None)) -> NDArray[np.float32]:
        """How far these logits (n, classes) of the examples at ``rows`` are beyond the boundary: the goal is reached
        where it is positive."""
        found = margins(logits, self.labels[rows])
        return -found if self.targeted else found

    def take(self, rows: NDArray[np.intp]) -> Examples:
        """The examples at ``rows``."""
        return replace(self, images=self.images[rows], labels=self.labels[rows], indices=self.indices[rows])


@dataclass(frozen=True)
class Attacked:
    """What an attack made of n examples.

    images: (n, H, W, C) float32 within the bounds, as the attack left them, success or not.
    steps: (n,), the steps each image took.
    vanished: (n,), whether the first gradient was zero or not finite, so that there was no direction to go.
    forward_passes, backward_passes: (n,), how often the image, or a changed one in its place, went through the
        classifier and back. They are the image's own: padding, passes before the attack, and passes that no image
        causes by itself are not counted, so that they are the same for any shards, batch size and order.
    """

    images: Images
    steps: NDArray[np.int64]
    vanished: NDArray[np.bool_]
    forward_passes: NDArray[np.int64]
    backward_passes: NDArray[np.int64]

    @classmethod
    def start(cls, images: Images) -> Attacked:
        """A copy of these images, before any step or pass; an attack writes what it does into it."""
        count = len(images)
        steps, forward, backward = np.zeros((3, count), np.int64)
        return cls(images.copy(), steps, np.zeros(count, bool), forward, backward)

    def add_passes(self, other: Attacked, rows: NDArray[np.intp]) -> None:
        """Add the passes of ``other``, which was made of the examples at ``rows``."""
        self.forward_passes[rows] += other.forward_passes
        self.backward_passes[rows] += other.backward_passes


class Attack(BaseModel):
    """Base of all attacks. A subclass adds its hyper-parameters as fields, and ``run``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    relative_to_range: ClassVar[tuple[str, ...]] = ()
    """Fields in units of the pixel range: their defaults, made for bounds 0..1, are scaled to it."""

    targetable: ClassVar[bool] = True
    """Whether it can move images towards a given class."""

    fallback: ClassVar[str | None] = None
    """The attack for images that this one leaves unchanged, unless the run names another."""

    heavy: ClassVar[bool] = False
    """Whether a few images take so long that each small shard is a task of its own."""

    def prepare(
        self,
        images: ImageSet,  # noqa: ARG002 - for subclasses
        bounds: Bounds,  # noqa: ARG002 - for subclasses
        model: str,  # noqa: ARG002 - for subclasses
    ) -> dict[str, NDArray[Any] | Path]:
        """The arrays and Keras files that ``run`` needs beside the model, by name; they become inputs of the run.

        Called once, before any task is sent, with the images and the name of the attacked model, or of its file.
        Raises InputError.
        """
        return {}

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:
        """Attack the examples. The same example gives the same bytes in any company."""
        raise NotImplementedError
