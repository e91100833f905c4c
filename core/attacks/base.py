"""The base of all attacks: frozen hyper-parameters, and a function from images to changed images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

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

    Attributes:
        images: (n, H, W, C) float32 within ``bounds``.
        labels: (n,), the class to move each image away from, or with ``targeted``, towards.
        indices: (n,), each image's index in the data set; it selects the image's random numbers.
        bounds: lowest and highest pixel value.
        seed: the run's seed.
        levels: steps from the lowest to the highest pixel value, 255 if the images were 8-bit; None if there is no such
            grid. An attack that can stays on these levels, so that its examples survive being saved.
        targeted: whether ``labels`` are targets.
        assets: what the attack's ``prepare`` returned, under the same names.
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
        """Whether predictions reach the goal: another class than the label, or the target.

        Args:
            predictions: (n,) classes.
            rows: which of the examples they are of; by default all.

        Returns:
            (n,) bool.
        """
        return np.asarray((predictions == self.labels[rows]) == self.targeted)

    def margins(self, logits: NDArray[np.float32], rows: Any = slice(None)) -> NDArray[np.float32]:
        """How far logits are beyond the decision boundary; the goal is reached where this is positive.

        Args:
            logits: (n, classes).
            rows: which of the examples they are of; by default all.

        Returns:
            (n,).
        """
        found = margins(logits, self.labels[rows])
        return -found if self.targeted else found

    def take(self, rows: NDArray[np.intp]) -> Examples:
        """The examples at ``rows``."""
        return replace(self, images=self.images[rows], labels=self.labels[rows], indices=self.indices[rows])


@dataclass(frozen=True)
class Attacked:
    """The result of an attack on n examples.

    Attributes:
        images: (n, H, W, C) float32 within the bounds, as the attack left them, successful or not.
        steps: (n,), the steps that each image took.
        vanished: (n,), whether the first gradient was zero or not finite, so that it gave no direction.
        forward_passes, backward_passes: (n,), how often the image, or a changed version of it, went through the
            classifier and back. Only the image's own passes count, not padding, nor passes before the attack, nor
            passes that no single image causes, so the counts do not depend on shards, batch size or order.
    """

    images: Images
    steps: NDArray[np.int64]
    vanished: NDArray[np.bool_]
    forward_passes: NDArray[np.int64]
    backward_passes: NDArray[np.int64]

    @classmethod
    def start(cls, images: Images) -> Attacked:
        """A copy of the images (n, H, W, C), with all counts at zero, for an attack to write its result into."""
        count = len(images)
        steps, forward, backward = np.zeros((3, count), np.int64)
        return cls(images.copy(), steps, np.zeros(count, bool), forward, backward)

    def add_passes(self, other: Attacked, rows: NDArray[np.intp]) -> None:
        """Add the passes of ``other``, the result of an attack on the examples at ``rows``."""
        self.forward_passes[rows] += other.forward_passes
        self.backward_passes[rows] += other.backward_passes


class Passes(NamedTuple):
    """Passes of one image through the attacked model."""

    forward: int
    backward: int


class Attack(BaseModel):
    """Base of all attacks. A subclass adds its hyper-parameters as fields, and overrides ``run``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    relative_to_range: ClassVar[tuple[str, ...]] = ()
    """Fields in units of the pixel range: their defaults, made for bounds 0..1, are scaled to it."""

    targetable: ClassVar[bool] = True
    """Whether it can move images towards a given class."""

    fallback: ClassVar[str | None] = None
    """The attack for images that this one leaves unchanged, unless the run names another."""

    heavy: ClassVar[bool] = False
    """Whether a few images take so long that each shard, however small, gets a separate task."""

    gradients_in_bfloat16: ClassVar[bool] = False
    """Whether gradients are worth computing in bfloat16: the attack follows them, and its result does not depend on
    the last bits of the logits that come with them."""

    def prepare(
        self,
        images: ImageSet,  # noqa: ARG002 - for subclasses
        bounds: Bounds,  # noqa: ARG002 - for subclasses
        model: str,  # noqa: ARG002 - for subclasses
    ) -> dict[str, NDArray[Any] | Path]:
        """The arrays and Keras files that ``run`` needs besides the model. They become inputs of the run.

        Called once, before any task is sent.

        Args:
            images: the images to attack.
            bounds: lowest and highest pixel value.
            model: name of the attacked model, or of its file.

        Returns:
            Arrays and paths of files, by name.

        Raises:
            InputError: something that the attack needs is missing or does not fit.
        """
        return {}

    def fitted(self, classes: int) -> Self:  # noqa: ARG002 - for subclasses
        """The attack as it can be run on a model with ``classes`` classes; itself if nothing stands against it."""
        return self

    def passes_at_most(self, classes: int) -> Passes | None:  # noqa: ARG002 - for subclasses
        """The passes that no image exceeds, for an estimate of the cost to come; None if they say little about it.

        Args:
            classes: of the attacked model.
        """
        return None

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:
        """Attack the examples. The result of an example does not depend on the other examples.

        Args:
            classifier: the attacked model.
            examples: n examples; their arrays must not be changed.

        Returns:
            The images and counts of the n examples.
        """
        raise NotImplementedError
