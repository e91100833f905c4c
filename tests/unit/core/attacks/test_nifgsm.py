from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.attacks.base import Examples
from core.attacks.ifgsm import IFGSM
from core.attacks.mifgsm import MIFGSM
from core.attacks.nifgsm import NIFGSM
from core.models.inference.classifier import predict
from tests.classifiers import SHAPE, ScriptedClassifier, SmoothClassifier, image, tagged, tagged_classifier


def examples(images: np.ndarray, labels: np.ndarray | None = None) -> Examples:
    count = len(images)
    return Examples(images, np.zeros(count, np.int64) if labels is None else labels, np.arange(count))


def wavy(batch_size: int = 4) -> SmoothClassifier:
    return SmoothClassifier(
        lambda x: np.cos(9 * x).sum(axis=1) - 5, lambda x: -9 * np.sin(9 * x), batch_size
    )  # never above 0


def test_two_steps_by_hand() -> None:
    seen: list[np.ndarray] = []

    def gradient_of(pixels: np.ndarray) -> np.ndarray:
        seen.append(pixels.ravel().copy())
        first = len(seen) == 1
        return np.array((5, 3, -2, 0) if first else (100, -200, 300, -400), np.float32).reshape(SHAPE)

    clean = image(0.5, 0.5, 0.5, 0.5)
    attack = NIFGSM(epsilon=0.3, steps=2, step_size=0.01, decay=0.5, step_back=0)
    found = attack.run(ScriptedClassifier(gradient_of), examples(clean)).images.ravel()
    # g1 = (.5, .3, -.2, 0): x1 = x0 + .01 (1, 1, -1, 0), and the second gradient is taken at x1 + .01 * .5 * g1.
    np.testing.assert_allclose(seen[0], 0.5, atol=1e-7)
    np.testing.assert_allclose(seen[1] - 0.5, [0.0125, 0.0115, -0.011, 0], atol=1e-7)
    # g2 = .5 g1 + (.1, -.2, .3, -.4) = (.35, -.05, .2, -.4)
    np.testing.assert_allclose(found - 0.5, [0.02, 0, 0, -0.01], atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_without_decay_it_is_ifgsm_and_with_it_is_not_mifgsm(norm: Any) -> None:
    data = examples(np.random.default_rng(5).random((20, *SHAPE), np.float32))
    common = {"epsilon": 0.3, "steps": 8, "step_size": 0.05, "norm": norm}
    plain = IFGSM(**common).run(wavy(), data)
    found = NIFGSM(decay=0, **common).run(wavy(), data)
    if norm == "linf":
        np.testing.assert_array_equal(found.images, plain.images)
    np.testing.assert_allclose(found.images, plain.images, atol=1e-6)
    np.testing.assert_array_equal(found.steps, plain.steps)
    ahead = NIFGSM(decay=4, **common).run(wavy(), data).images
    assert (ahead != MIFGSM(decay=4, **common).run(wavy(), data).images).any()


def test_the_early_stop_judges_the_iterate_and_not_the_point_ahead() -> None:
    # Flipped between 0.70 and 0.74 alone: some points ahead are inside while the iterate isn't, and the reverse.
    def f(x: np.ndarray) -> np.ndarray:
        return 0.02 - np.abs(x[:, 0] - 0.72)

    inside = SmoothClassifier(f, lambda x: np.ones_like(x) * [[1.0, 0, 0, 0]])
    starts = np.arange(0.303, 0.7, 0.013)
    clean = np.concatenate([image(start, 0, 0, 0) for start in starts])
    attack = NIFGSM(epsilon=0.6, steps=8, step_size=0.05, decay=1, step_back=0)
    found = attack.run(inside, examples(clean))
    # Each image stops at the first of its iterates that is flipped: start + 0.05 k.
    iterates = starts[:, None] + 0.05 * np.arange(9)
    reached = np.abs(iterates - 0.72) < 0.02
    first = np.where(reached.any(axis=1), reached.argmax(axis=1), 8)
    np.testing.assert_array_equal(found.steps, first)
    np.testing.assert_array_equal(predict(inside, found.images) == 1, reached.any(axis=1))
    assert 5 < reached.any(axis=1).sum() < 29
    ahead = np.array(inside.differentiated)
    assert (f(ahead.reshape(len(ahead), -1)) > 0).any()


def test_without_early_stop_the_iterate_is_not_evaluated() -> None:
    classifier = wavy()
    NIFGSM(steps=5, early_stop=False, step_back=0).run(classifier, examples(image(0.5, 0.4, 0.3, 0.2)))
    assert len(classifier.differentiated) == 5
    assert not classifier.evaluated


def test_a_targeted_one_looks_ahead_towards_the_target() -> None:
    images = tagged(12)
    labels = (predict(tagged_classifier(4), images) + 1) % 4
    data = Examples(images, labels, np.arange(12), targeted=True)
    found = NIFGSM(epsilon=0.6, steps=30).run(tagged_classifier(4), data)
    assert (predict(tagged_classifier(4), found.images) == labels).mean() > 0.8
