"""The least loss of SSIM, on models whose boundary is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.attacks.base import Examples
from core.attacks.ssim import LeastSsimLoss
from core.attacks.ssim_metric.quadratic_form import QuadraticForm, dot
from core.datasets.base import ImageSet
from core.errors import ConfigError, InputError
from core.image.pixels import Images, to_float, to_uint8
from core.models.inference.classifier import Loss, predict
from core.registry import METRICS
from tests.classifiers import CountingClassifier, LinearClassifier, SmoothClassifier, image, tagged, tagged_classifier

SHAPE = (12, 14, 1)
PIXELS = 12 * 14


def linear(gap: float = 0.4) -> LinearClassifier:
    """Two classes; images around 0.5 are ``gap`` away from the boundary."""
    weights = np.random.default_rng(2).normal(size=(2, PIXELS))
    weights[0] = 0
    return LinearClassifier(weights, np.array([weights[1].sum() / 2 + gap, 0]))


def examples(classifier: LinearClassifier | SmoothClassifier, **more: Any) -> Examples:
    levels = np.random.default_rng(3).integers(102, 154, (6, *SHAPE)).astype(np.uint8)
    images = to_float(levels, (0.0, 1.0))
    return Examples(images, predict(classifier, images), np.arange(6), **more)


def loss(data: Examples, found: np.ndarray) -> np.ndarray:
    return np.asarray(1 - METRICS["ssim_full"]()(data.images, found, data.bounds))


def closed_form(classifier: LinearClassifier, data: Examples) -> np.ndarray:
    """d' Q d of the least change to the boundary: f^2 / g' Q^-1 g, far from the ends of the range."""
    clean = np.moveaxis(data.images.astype(np.float64), 3, 1)
    g = np.broadcast_to(classifier.weights[1].reshape(SHAPE)[None, None, ..., 0], clean.shape)
    inverse = QuadraticForm(clean).solve(g, np.ones(clean.shape, bool), 100)
    f = np.diff(classifier.logits(data.images).astype(np.float64), axis=1).ravel()
    return np.asarray(f * f / dot(g, inverse).ravel())


def test_a_linear_boundary_is_reached_at_the_least_loss() -> None:
    classifier = linear()
    data = examples(classifier)
    found = LeastSsimLoss().run(classifier, data)
    assert (predict(classifier, found.images) != data.labels).all()
    least = closed_form(classifier, data)
    # The form is of second order: the metric's loss may be a little less than it.
    assert (loss(data, found.images) > 0.97 * least).all()
    assert (loss(data, found.images) < 1.03 * least).all()
    assert not found.vanished.any()
    assert found.steps.tolist() == [30] * 6
    assert found.forward_passes.tolist() == [61] * 6
    assert found.backward_passes.tolist() == [30] * 6


def test_on_the_levels_it_still_flips_and_costs_little_more() -> None:
    classifier = linear(4)
    data = examples(classifier)
    free = LeastSsimLoss().run(classifier, data).images
    found = LeastSsimLoss().run(classifier, examples(classifier, levels=255)).images
    np.testing.assert_array_equal(found, to_float(to_uint8(found, (0.0, 1.0)), (0.0, 1.0)))
    assert (predict(classifier, found) != data.labels).all()
    assert (loss(data, found) < 1.05 * loss(data, free)).all()


def test_the_first_step_goes_beyond_the_boundary_by_the_overshoot() -> None:
    classifier = linear()
    data = examples(classifier)
    found = LeastSsimLoss(steps=1, overshoot=0.3).run(classifier, data).images
    before, after = (np.diff(classifier.logits(at), axis=1) for at in (data.images, found))
    np.testing.assert_allclose(after, -0.3 * before, rtol=2e-3)


def test_the_projection_of_the_clean_image_shortens_the_way_along_a_curved_boundary() -> None:
    # Class 1 outside a ball around a point beside the clean images.
    centre = np.random.default_rng(4).uniform(0.35, 0.65, PIXELS)
    classifier = SmoothClassifier(lambda x: np.square(x - centre).sum(axis=1) - 9, lambda x: 2 * (x - centre))
    data = examples(classifier)
    assert not data.labels.any()
    combined, alone = (LeastSsimLoss(alpha=alpha).run(classifier, data).images for alpha in (0.1, 0))
    assert (loss(data, combined) < loss(data, alone)).all()


def test_a_gradient_that_misleads_at_the_boundary_is_rounded_away_from_the_clean_image() -> None:
    # Beyond the boundary the gradient points back, so the levels that it calls better don't flip.
    def df(x: np.ndarray) -> np.ndarray:
        sign = np.where(x.mean(axis=1) > 0.7, -1, 1)
        return np.repeat(sign[:, None] / PIXELS, PIXELS, axis=1)

    classifier = SmoothClassifier(lambda x: x.mean(axis=1) - 0.7, df)
    data = examples(classifier, levels=255)
    found = LeastSsimLoss(overshoot=0.001).run(classifier, data).images
    assert predict(classifier, found).all()
    np.testing.assert_array_equal(found, to_float(to_uint8(found, (0.0, 1.0)), (0.0, 1.0)))


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (0.0, 255.0), (10.0, 11.0)])
def test_other_bounds_give_the_same_changes(bounds: tuple[float, float]) -> None:
    low, extent = bounds[0], bounds[1] - bounds[0]
    unit = linear()
    scaled = LinearClassifier(unit.weights / extent, unit.bias - unit.weights.sum(axis=1) * low / extent)
    data = examples(unit)
    images = (low + extent * data.images).astype(np.float32)
    other = Examples(images, predict(scaled, images), data.indices, bounds=bounds)
    a = LeastSsimLoss().run(unit, data).images
    b = LeastSsimLoss().run(scaled, other).images
    np.testing.assert_allclose((b - low) / extent, a, atol=1e-4)


def test_a_point_that_flips_again_on_the_way_is_not_lost() -> None:
    # Class 1 only within a shell around the clean image: long steps pass through it.
    classifier = SmoothClassifier(
        lambda x: (x.mean(axis=1) - 0.53) * (0.6 - x.mean(axis=1)),
        lambda x: np.repeat((1.13 - 2 * x.mean(axis=1))[:, None] / PIXELS, PIXELS, axis=1),
    )
    data = examples(classifier)
    assert not data.labels.any()
    assert predict(classifier, LeastSsimLoss().run(classifier, data).images).all()


def test_a_boundary_out_of_the_linear_models_sight_is_found_by_growing_steps() -> None:
    # Logistic, saturated: the gradient points to the boundary but says it is thousands of times nearer than it is.
    def f(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.where(x.mean(axis=1) > 0.8, 1.0, -1e-6 * (1 - x.mean(axis=1))))

    classifier = SmoothClassifier(f, lambda x: np.full(x.shape, 1 / PIXELS))
    data = examples(classifier)
    assert predict(classifier, LeastSsimLoss().run(classifier, data).images).all()


def test_an_image_that_is_misclassified_or_has_no_gradient_stays() -> None:
    classifier = linear()
    data = examples(classifier, levels=255)
    data.labels[0] = 1 - data.labels[0]
    found = LeastSsimLoss().run(classifier, data)
    np.testing.assert_array_equal(found.images[0], data.images[0])
    assert (found.steps[0], found.forward_passes[0], found.backward_passes[0]) == (0, 1, 0)
    flat = LinearClassifier(np.zeros((2, PIXELS)), np.array([1.0, 0]))
    found = LeastSsimLoss(steps=3).run(flat, examples(flat, levels=255))
    np.testing.assert_array_equal(found.images, data.images)
    assert found.vanished.all()


def test_logits_that_come_with_a_bfloat16_gradient_decide_nothing() -> None:
    classifier = linear()

    class Hasty(CountingClassifier):
        """Says with the gradient that everything has flipped."""

        def gradient(self, images: Images, labels: NDArray[np.int64], loss: Loss) -> tuple[NDArray[np.float32], Images]:
            _, gradient = classifier.gradient(images, labels, loss)
            return np.eye(2, dtype=np.float32)[1 - labels] * 0.4, gradient

    data, hasty = examples(classifier), Hasty(classifier)
    hasty.exact = False
    found = LeastSsimLoss(steps=2).run(hasty, data).images
    # Believed, the clean images would be the best points.
    assert (found != data.images).any(axis=(1, 2, 3)).all()


def test_passes_are_those_that_the_classifier_sees() -> None:
    images = tagged(12, side=11)
    counting = CountingClassifier(tagged_classifier(5, side=11))
    data = Examples(images, predict(counting.classifier, images), np.arange(12), levels=255)
    found = LeastSsimLoss(steps=4).run(counting, data)
    assert found.forward_passes.tolist() == [counting.forward[tag] for tag in range(12)]
    assert found.backward_passes.tolist() == [counting.backward[tag] for tag in range(12)]
    most = LeastSsimLoss(steps=4).passes_at_most(4)
    assert found.forward_passes.max() <= most.forward
    assert found.backward_passes.max() <= most.backward


def test_small_images_and_targets_are_refused() -> None:
    small = ImageSet("made up", np.zeros((2, 28, 10, 1), np.uint8), None)
    with pytest.raises(InputError, match="at least 11 x 11 pixels for attack ssim; got images of 28 x 10"):
        LeastSsimLoss().prepare(small, (0.0, 1.0), "cnn")
    tiny = Examples(image(0.1, 0.2, 0.3, 0.4), np.array([0]), np.arange(1))
    with pytest.raises(InputError, match="got images of 2 x 2"):
        LeastSsimLoss().run(LinearClassifier(np.eye(2, 4)), tiny)
    with pytest.raises(ConfigError, match="ssim without a target"):
        LeastSsimLoss().run(linear(), examples(linear(), targeted=True))
