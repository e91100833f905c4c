"""What the minimal-norm attacks share: the best change is kept, on the levels, within the bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.attacks.base import Examples
from core.attacks.ddn import DDN
from core.attacks.minimal.attack import MinimalNormAttack
from core.attacks.sigma_zero import SigmaZero
from core.image.pixels import Images
from core.metrics.distances import L0, L2
from core.models.inference.classifier import predict
from tests.classifiers import LinearClassifier, ScriptedClassifier, SmoothClassifier, image

ATTACKS: list[MinimalNormAttack] = [DDN(), SigmaZero()]
SHAPE = (4, 5, 1)


def linear(seed: int = 0) -> tuple[LinearClassifier, Examples]:
    rng = np.random.default_rng(seed)
    classifier = LinearClassifier(rng.normal(size=(4, 20)), rng.normal(size=4))
    levels = rng.integers(60, 196, (9, *SHAPE))
    clean = (levels / 255).astype(np.float32)
    return classifier, Examples(clean, predict(classifier, clean), np.arange(9), levels=255)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: type(each).__name__)
def test_the_smallest_change_that_was_evaluated_is_kept(attack: Any) -> None:
    weights = np.random.default_rng(2).normal(size=20)
    classifier = SmoothClassifier(lambda p: (p - 0.5) @ weights - 0.7, lambda p: np.tile(weights, (len(p), 1)))
    clean = np.full((1, *SHAPE), 0.5, np.float32)
    found = attack.run(classifier, Examples(clean, np.array([0]), np.arange(1)))
    seen = np.stack([*classifier.differentiated, classifier.evaluated[-1]])  # the last point has no gradient
    metric = {"l0": L0(), "l2": L2()}[attack.measured_in]
    sizes = metric(np.repeat(clean, len(seen), axis=0), seen, (0.0, 1.0))
    best = int(np.where(predict(classifier, seen) == 1, sizes, np.inf).argmin())
    assert 0 < best < attack.steps
    np.testing.assert_array_equal(found.images[0], seen[best])
    assert found.steps.tolist() == [best]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: type(each).__name__)
def test_8_bit_images_stay_8_bit(attack: Any) -> None:
    classifier, data = linear()
    found = attack.run(classifier, data).images
    np.testing.assert_array_equal(found, (np.rint(found * 255.0) / 255).astype(np.float32))
    free = attack.model_copy(update={"round_to_levels": False}).run(classifier, data).images
    assert (free != (np.rint(free * 255.0) / 255).astype(np.float32)).any()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: type(each).__name__)
def test_an_image_at_the_goal_is_left_alone(attack: Any) -> None:
    classifier, data = linear()
    data.labels[2] = (data.labels[2] + 1) % 4
    found = attack.run(classifier, data)
    np.testing.assert_array_equal(found.images[2], data.images[2])
    assert (found.forward_passes[2], found.backward_passes[2], found.steps[2]) == (1, 0, 0)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: type(each).__name__)
def test_an_image_that_withstands_is_returned_where_the_last_step_led(attack: Any) -> None:
    stays = ScriptedClassifier(lambda pixels: np.ones((2, 2, 1), np.float32))
    found = attack.run(stays, Examples(image(0.5, 0.5, 0.5, 0.5), np.array([0]), np.arange(1)))
    assert found.steps.tolist() == [attack.steps]
    assert (found.images > 0.5).all()
    assert (found.forward_passes[0], found.backward_passes[0]) == attack.passes_at_most(2)
    assert not found.vanished[0]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("gradient", [image(0, 0, 0, 0), image(1, 1, np.nan, 1)], ids=["zero", "not finite"])
def test_a_gradient_without_direction_is_noted(attack: Any, gradient: Images) -> None:
    flat = ScriptedClassifier(lambda pixels: gradient[0])
    data = Examples(image(0.5, 0.5, 0.5, 0.5), np.array([0]), np.arange(1))
    found = attack.run(flat, data)
    assert found.vanished[0]
    np.testing.assert_array_equal(found.images, data.images)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: type(each).__name__)
def test_towards_a_target(attack: Any) -> None:
    classifier, data = linear()
    targets = (data.labels + 1) % 4
    towards = Examples(data.images, targets, data.indices, levels=255, targeted=True)
    np.testing.assert_array_equal(predict(classifier, attack.run(classifier, towards).images), targets)


@pytest.mark.parametrize("attack", [DDN(initial_norm=2, step_size=2), SigmaZero()], ids=["ddn", "sigma-zero"])
def test_the_pixel_range_is_only_a_unit(attack: Any) -> None:
    """With bounds of -1..1, everything is twice as long."""
    classifier, data = linear()
    wide = LinearClassifier(classifier.weights / 2, classifier.bias + classifier.weights.sum(axis=1) / 2)
    doubled = Examples(2 * data.images - 1, data.labels, data.indices, bounds=(-1.0, 1.0))
    narrow = attack.model_copy(update={"initial_norm": 1.0, "step_size": 1.0}) if isinstance(attack, DDN) else attack
    plain = Examples(data.images, data.labels, data.indices)
    twice = narrow.run(classifier, plain).images.astype(np.float64) * 2 - 1
    np.testing.assert_allclose(attack.run(wide, doubled).images, twice, atol=2e-3)
