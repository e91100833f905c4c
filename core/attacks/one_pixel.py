"""The one-pixel attack (Su, Vargas, Sakurai 2019, arXiv 1710.08864)."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.attacks.base import Attack, Attacked, Examples, Passes
from core.attacks.boundary.margins import log_odds
from core.attacks.evolution.differential_evolution import Evolution, Worth
from core.attacks.evolution.pixel_space import Candidates, FewPixels
from core.models.inference.classifier import Classifier
from core.registry import ATTACKS
from core.rng import image_rng

EIGHT_BITS = 255
PASSES = 4  # at a time: all of them but the last are full batches
PORTION = 32  # candidates of one image at a time


@ATTACKS.register("one-pixel")
class OnePixel(Attack):
    """Differential evolution over positions and values of a few pixels: a child a + F (b - c) replaces a worse parent.

    The number of changed pixels is bounded, not how much they change. Section 3.3 of the paper, with its objective, the
    probability of the label, in the form of log odds, which do not saturate. Beyond the paper: positions and values are
    whole numbers, 8-bit levels unless the images have others, so that no candidate is evaluated twice; ``seeded`` uses
    the gradient, and ``crossover`` changes only some of the pixels at a time. The paper's attack is population 400,
    generations 100, seeded 0, crossover 1.

    Cost: at most population x (1 + generations) forward passes, and a backward pass if seeded; the default was
    chosen with ``python -m bench tune-one-pixel``. Choose it to learn how much a prediction depends on single pixels.
    """

    heavy: ClassVar[bool] = True

    pixels: int = Field(1, ge=1, description="pixels that may change, with all their channels")
    population: int = Field(50, ge=4, description="candidates at a time; 400 in the paper")
    generations: int = Field(100, ge=0, description="generations at most, after the first candidates")
    differential_weight: float = Field(
        0.5, gt=0, le=2, description="F, the share of the difference of two that is added"
    )
    crossover: float = Field(
        0.5, ge=0, le=1, description="probability that a pixel is the mutant's, not the parent's; 1 in the paper"
    )
    seeded: float = Field(
        0.5, ge=0, le=1, description="share of the first candidates that the gradient chooses; 0: a black-box attack"
    )
    early_stop: bool = Field(default=True, description="stop an image at the first candidate that reaches the goal")

    def passes_at_most(self, classes: int) -> Passes:  # noqa: ARG002 - Attack's signature
        """See Attack."""
        seeds = round(self.seeded * self.population)
        return Passes(1 + self.population * (1 + self.generations), int(seeds > 0))

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:
        """See Attack. ``steps`` are generations."""
        result = Attacked.start(examples.images)
        space = FewPixels(self.pixels, examples.images.shape[1:], examples.bounds, examples.levels or EIGHT_BITS)
        coming = self._searches(classifier, examples, space, result)
        active: list[_Search] = []
        while True:
            # The portions of several images together fill batches.
            while sum(len(search.asks) for search in active) < PASSES * classifier.batch_size:
                search = next(coming, None)
                if search is None:
                    break
                active.append(search)
            if not active:
                return result
            images = np.concatenate([space.painted(examples.images[search.row], search.asks) for search in active])
            rows = np.repeat([search.row for search in active], [len(search.asks) for search in active])
            objective, reached = worth(examples, rows, classifier.logits(images))
            start = 0
            for search in active:
                result.forward_passes[search.row] += len(search.asks)
                part = slice(start, start := start + len(search.asks))
                if search.tell((objective[part], reached[part])):
                    evolution = search.evolution
                    result.images[search.row] = space.painted(examples.images[search.row], evolution.best[None])[0]
                    result.steps[search.row] = evolution.generation
            active = [search for search in active if not search.done]

    def _searches(
        self, classifier: Classifier, examples: Examples, space: FewPixels, result: Attacked
    ) -> Iterator[_Search]:
        """A search for each image that doesn't reach the goal from the start; counts the passes at the start."""
        seeds = round(self.seeded * self.population)
        for start in range(0, len(examples.images), classifier.batch_size):
            rows = np.arange(start, min(start + classifier.batch_size, len(examples.images)))
            images = examples.images[rows]
            result.forward_passes[rows] += 1 + (seeds > 0 and not classifier.exact)
            result.backward_passes[rows] += bool(seeds)
            if seeds:
                logits, gradients = classifier.gradient(images, examples.labels[rows], "margin")
                gradients = -gradients if examples.targeted else gradients
            if not seeds or not classifier.exact:
                logits = classifier.logits(images)
            reached = examples.reached(logits.argmax(axis=1), rows)
            for place in np.flatnonzero(~(reached & self.early_stop)):
                rng = image_rng(examples.seed, int(examples.indices[rows[place]]))
                first = space.drawn(rng, self.population)
                if seeds:
                    first[:seeds] = space.seeded(images[place], gradients[place], seeds)
                evolution = Evolution(
                    rng, first, space.confined, self.differential_weight, self.crossover, self.generations,
                    self.early_stop, PORTION,
                )  # fmt: skip
                yield _Search(int(rows[place]), evolution)


class _Search:
    """The evolution of the image at ``row``. asks: the candidates that it needs evaluated."""

    def __init__(self, row: int, evolution: Evolution) -> None:
        self.row, self.evolution, self.done = row, evolution, False
        self._course: Generator[Candidates, Worth, None] = evolution.run()
        self.asks = next(self._course)

    def tell(self, worth: Worth) -> bool:
        """Continue with what ``asks`` are worth; whether the evolution is done."""
        try:
            self.asks = self._course.send(worth)
        except StopIteration:
            self.done = True
        return self.done


def worth(examples: Examples, rows: NDArray[np.intp], logits: NDArray[np.float32]) -> Worth:
    """How good candidates are, and whether they reach the goal.

    The objective is the log odds of the target, or those against the label.

    Args:
        examples: the examples under attack.
        rows: (n,), the example that each candidate belongs to.
        logits: (n, classes), of the candidates.
    """
    odds = log_odds(logits, examples.labels[rows])
    return odds if examples.targeted else -odds, examples.reached(logits.argmax(axis=1), rows)
