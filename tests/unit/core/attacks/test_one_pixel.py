"""The one-pixel attack against hand-worked steps and what is known of linear models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from core.attacks.base import Attacked, Examples
from core.attacks.evolution.pixel_space import FewPixels
from core.attacks.one_pixel import OnePixel, worth
from core.image.pixels import Bounds, to_float
from core.models.inference.classifier import predict
from tests.classifiers import LinearClassifier, image

GREY = FewPixels(1, (2, 3, 1), (0.0, 1.0), 255)
COLOUR = FewPixels(2, (2, 2, 3), (-1.0, 1.0), 4)


SHAPES = [(6, 6, 1), (5, 6, 3)]


def linear(shape: tuple[int, ...], batch_size: int = 4, shift: float = 0.0) -> LinearClassifier:
    """Two classes; ``shift`` is for the first."""
    weights = np.random.default_rng(8).normal(size=(2, int(np.prod(shape))))
    return LinearClassifier(weights, np.array([shift, 0.0]), batch_size)


def data_of(
    shape: tuple[int, ...], bounds: Bounds = (0.0, 1.0), shift: float = 0.0, targeted: bool = False
) -> Examples:
    images = to_float(np.random.default_rng(9).integers(0, 256, (16, *shape), np.uint8), bounds)
    predictions = predict(linear(shape, shift=shift), images)
    labels = 1 - predictions if targeted else predictions
    return Examples(images, labels, np.arange(16), bounds, levels=255, targeted=targeted)


def gains(data: Examples, pixels: int, away: NDArray[np.float64]) -> NDArray[np.float64]:
    """What that many pixels can add at most to the sum of ``away`` times the image."""
    low, high = data.bounds
    each = np.maximum(away * (low - data.images), away * (high - data.images)).sum(axis=3)
    return np.asarray(np.sort(each.reshape(len(each), -1), axis=1)[:, -pixels:].sum(axis=1))


def slope(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """By pixel, how the second class's logit grows beyond the first's."""
    return np.diff(linear(shape).weights, axis=0).reshape(1, *shape)


def check(pixels: int, shape: tuple[int, ...], bounds: Bounds, targeted: bool, attack: OnePixel) -> Attacked:
    """It flips an image where that is possible, and only there; few pixels, all in whole levels."""
    away = slope(shape)
    plain = data_of(shape, bounds)
    furthest = (away * plain.images).sum(axis=(1, 2, 3)) + gains(plain, pixels, away)
    shift = float(np.median(furthest))  # so that half of them can be flipped
    data, classifier = data_of(shape, bounds, shift, targeted), linear(shape, shift=shift)
    first = np.flatnonzero(predict(classifier, data.images) == 0)
    data, expected = data.take(first), furthest[first] > shift
    assert 0 < expected.sum() < len(expected)

    attacked = attack.run(classifier, data)
    np.testing.assert_array_equal(predict(classifier, attacked.images), expected)
    assert (data.images != attacked.images).any(axis=3).sum(axis=(1, 2)).max() <= pixels
    assert np.isin(attacked.images, to_float(np.arange(256, dtype=np.uint8), bounds)).all()
    assert not attacked.vanished.any()
    return attacked


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 1.0)])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pixels", [1, 2])
def test_what_the_gradient_foresees_of_a_linear_model_is_exact(
    pixels: int, shape: tuple[int, ...], bounds: Bounds, targeted: bool
) -> None:
    attack = OnePixel(pixels=pixels, population=4, generations=3, seeded=0.25)
    steps = check(pixels, shape, bounds, targeted, attack).steps
    # The first candidate flips it, or none does.
    assert set(steps) == {0, 3}


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pixels", [1, 2])
def test_evolution_alone_finds_a_flip_where_there_is_one(pixels: int, shape: tuple[int, ...], targeted: bool) -> None:
    attack = OnePixel(pixels=pixels, population=100, generations=100, seeded=0)
    assert check(pixels, shape, (0.0, 1.0), targeted, attack).steps.max() > 1


def test_an_image_that_reaches_the_goal_from_the_start_is_left_alone() -> None:
    data = data_of(SHAPES[0])
    there = replace(data, labels=1 - data.labels)
    for seeded in (0.0, 0.5):
        attacked = OnePixel(seeded=seeded).run(linear(SHAPES[0]), there)
        np.testing.assert_array_equal(attacked.images, there.images)
        assert not attacked.steps.any()


def test_without_early_stop_it_goes_as_far_as_it_can() -> None:
    data = data_of(SHAPES[0])
    away = np.where(data.labels == 0, 1, -1)[:, None, None, None] * slope(SHAPES[0])
    attacked = OnePixel(early_stop=False).run(linear(SHAPES[0]), data)
    gained = (away * (attacked.images - data.images)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(gained, gains(data, 1, away), rtol=1e-5)
    assert attacked.steps.all()


def test_images_without_levels_of_their_own_get_8_bit_ones() -> None:
    data = replace(data_of(SHAPES[0]), levels=None)
    attacked = OnePixel(seeded=0).run(linear(SHAPES[0]), data)
    assert np.isin(attacked.images, to_float(np.arange(256, dtype=np.uint8), (0.0, 1.0))).all()
    assert (attacked.images != data.images).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("attack", [OnePixel(pixels=3, seeded=0), OnePixel(pixels=2, early_stop=False, generations=5)])
def test_the_same_bytes_in_any_company(attack: OnePixel) -> None:
    data = data_of(SHAPES[1])
    result = attack.run(linear(SHAPES[1], batch_size=64), data)
    for batch_size in (1, 5):
        order = np.random.default_rng(batch_size).permutation(16)[:7]
        part = attack.run(linear(SHAPES[1], batch_size), data.take(order))
        np.testing.assert_array_equal(part.images, result.images[order])
        np.testing.assert_array_equal(part.steps, result.steps[order])


def test_each_image_has_numbers_of_its_own() -> None:
    data = data_of(SHAPES[0])
    twins = replace(data.take(np.zeros(2, np.intp)), indices=np.arange(2))
    attack = OnePixel(seeded=0, generations=0, early_stop=False, population=4)
    results = [attack.run(linear(SHAPES[0]), replace(twins, seed=seed)).images for seed in (0, 1)]
    assert (results[0][0] != results[0][1]).any()
    assert (results[0][0] != results[1][0]).any()


@pytest.mark.parametrize(
    "other",
    [
        {"pixels": 3},
        {"population": 20},
        {"generations": 4},
        {"differential_weight": 0.9},
        {"crossover": 1},
        {"seeded": 1},
    ],
    ids=str,
)
def test_every_hyper_parameter_counts(other: dict[str, float]) -> None:
    data, model = data_of(SHAPES[1]), linear(SHAPES[1])
    attack = OnePixel(pixels=2, population=10, generations=3, seeded=0, early_stop=False)
    changed = attack.model_copy(update=other)
    assert (attack.run(model, data).images != changed.run(model, data).images).any(axis=(1, 2, 3)).sum() > 4


@pytest.mark.parametrize("population", [3, 0])
def test_a_child_needs_four_members(population: int) -> None:
    with pytest.raises(ValueError, match="greater than or equal to 4"):
        OnePixel(population=population)


def test_the_objective_by_hand() -> None:
    logits = np.array([[2, 0, 0], [0, 1, 0], [200, 0, 0], [100, 0, 0]], np.float32)
    data = Examples(image(0, 0, 0, 0), np.array([0]), np.array([0]))
    odds, reached = worth(data, np.zeros(4, np.intp), logits)
    ln = np.log
    # Probabilities would be the same 1.0 in the last two.
    np.testing.assert_allclose(odds, [ln(2) - 2, ln(1 + np.e), ln(2) - 200, ln(2) - 100], rtol=1e-12)
    np.testing.assert_array_equal(reached, [False, True, False, False])
    target = Examples(data.images, data.labels, data.indices, targeted=True)
    np.testing.assert_array_equal(worth(target, np.zeros(4, np.intp), logits)[0], -odds)
    np.testing.assert_array_equal(worth(target, np.zeros(4, np.intp), logits)[1], ~reached)
