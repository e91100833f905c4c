"""The generator's networks, losses and training, and its use on NumPy images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError, ModelError
from core.image.pixels import Images
from core.models.advgan import GeneratorConfig, TrainedGenerator, train_generator
from core.models.advgan.directions import Directions
from core.models.advgan.losses import adversarial, deceiving, discriminating, hinge
from core.models.advgan.networks import build_discriminator, build_generator
from core.models.advgan.step import step_function
from tests.generators import save_constant, save_identity

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (5, 6, 2)
# The score's gradient: positive in channel 0, negative in channel 1.
CONTRAST = np.random.default_rng(0).uniform(1, 2, (5, 6, 1)) * [1, -1]
BRIGHTNESS = 1 / 3
GRADIENT = CONTRAST + BRIGHTNESS
PLAIN = GeneratorConfig(
    epsilon=0.1, alpha=0, beta=0, confidence=1000, width=2, epochs=30, batch_size=16, learning_rate=0.02, validation=16
)


def linear(x: Any) -> Any:
    """Logits (0, s): of a grey image, s is positive where it is bright."""
    import tensorflow as tf

    score = tf.reduce_sum((x - 0.5) * tf.constant(GRADIENT, tf.float32), axis=(1, 2, 3))
    return tf.stack([tf.zeros_like(score), score], axis=1)


def dark_and_bright(count: int) -> Images:
    """Of the classes 0 and 1 by turns; a change of 0.1 stays within 0..1."""
    noise = np.random.default_rng(1).uniform(0.2, 0.3, (count, *SHAPE)).astype(np.float32)
    noise[1::2] += np.float32(0.5)
    return noise


@pytest.fixture(scope="module")
def trained() -> TrainedGenerator:
    return train_generator(PLAIN, linear, dark_and_bright(80))


def test_the_adversarial_loss_is_the_margin_down_to_the_confidence() -> None:
    logits = np.array([[3, 1, 2], [3, 1, 2], [0, 0, 9]], np.float32)
    margins = [3 - 2, 1 - 3, 0 - 9]
    for confidence, expected in [(0, [1, 0, 0]), (5, [1, -2, -5]), (10, margins)]:
        assert float(adversarial(logits, np.array([0, 1, 0]), confidence)) == pytest.approx(np.mean(expected))


def test_the_least_squares_of_the_two_players() -> None:
    real, made = np.array([[0.5], [1.0]], np.float32), np.array([[0.5], [-1.0]], np.float32)
    assert float(deceiving(made)) == pytest.approx((0.25 + 4) / 2)
    assert float(discriminating(real, made)) == pytest.approx((0.25 + 0) / 2 + (0.25 + 1) / 2)


def test_the_hinge_counts_each_images_norm_beyond_the_bound() -> None:
    change = np.zeros((3, 2, 1, 1), np.float32)
    change[0, :, 0, 0], change[1, :, 0, 0] = (3, -4), (0.5, 0)
    assert float(hinge(change, 1.0)) == pytest.approx((4 + 0 + 0) / 3)


def test_the_hinge_has_a_gradient_where_nothing_changed() -> None:
    import tensorflow as tf

    change = tf.zeros((1, 2, 2, 1))
    with tf.GradientTape() as tape:
        tape.watch(change)
        loss = hinge(change, 0.0)
    np.testing.assert_array_equal(tape.gradient(loss, change), np.zeros((1, 2, 2, 1)))


@pytest.mark.parametrize("shape", [(28, 28, 1), (5, 7, 3), (1, 2, 1), (8, 9, 2)])
def test_networks_take_images_of_any_size(shape: tuple[int, ...]) -> None:
    import keras

    keras.utils.set_random_seed(0)  # with some weights a pixel is left out by chance
    images = np.random.default_rng(0).random((3, *shape), np.float32)
    directions = np.asarray(build_generator(shape, 2)(images))
    assert directions.shape == images.shape
    assert (np.abs(directions) <= 1).all()
    assert (directions != 0).any(axis=0).all()  # no pixel is left out
    assert build_discriminator(shape, 2)(images).shape == (3, 1)


@pytest.mark.slow
def test_the_first_step_is_adams_along_the_sign_of_the_gradient() -> None:
    """All images are of class 1, so the score has to fall: channel 0 gets darker, channel 1 brighter."""
    generator, discriminator = build_generator(SHAPE, 2), build_discriminator(SHAPE, 2)
    config = PLAIN.model_copy(update={"learning_rate": 1e-3})
    before = generator.layers[-2].bias.numpy()
    step_function(config, linear, generator, discriminator, 10)(dark_and_bright(8)[1::2], np.ones(4, np.int64))
    np.testing.assert_allclose(generator.layers[-2].bias.numpy() - before, [-1e-3, 1e-3], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (0.0, 1.0)])
def test_both_other_terms_reach_the_generator_and_not_each_other(alpha: float, beta: float) -> None:
    import keras

    x, y = dark_and_bright(8), np.arange(8) % 2
    weights = []
    for config in (PLAIN, PLAIN.model_copy(update={"alpha": alpha, "beta": beta, "hinge": 0.0})):
        keras.utils.set_random_seed(0)
        generator, discriminator = build_generator(SHAPE, 2), build_discriminator(SHAPE, 2)
        step_function(config, linear, generator, discriminator, 10)(x, y)
        weights.append((generator.get_weights(), discriminator.get_weights()))
    (plain, judge), (other, other_judge) = weights
    assert any((a != b).any() for a, b in zip(plain, other, strict=True))
    for a, b in zip(judge, other_judge, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_step_tells_the_losses_before_it() -> None:
    generator, discriminator = build_generator(SHAPE, 2), build_discriminator(SHAPE, 2)
    x, y = dark_and_bright(6), np.arange(6) % 2
    moved = np.clip(x + 0.1 * np.asarray(generator(x, training=True)), 0, 1)
    expected = [
        float(adversarial(linear(moved), y, PLAIN.confidence)),
        float(deceiving(discriminator(moved))),
        float(hinge(moved - x, 0.05)),
        float(discriminating(discriminator(x), discriminator(moved))),
    ]
    config = PLAIN.model_copy(update={"hinge": 0.05})
    np.testing.assert_allclose(step_function(config, linear, generator, discriminator, 10)(x, y), expected, rtol=1e-4)


def test_against_a_linear_model_the_generator_finds_the_best_corner_of_the_ball(trained: TrainedGenerator) -> None:
    """Class 0 moves along the sign of the score's gradient, class 1 against it."""
    images = dark_and_bright(20)
    best = np.sign(GRADIENT) * np.where(np.arange(20) % 2 == 0, 1, -1)[:, None, None, None]
    assert (trained.model(images, training=False) * best).numpy().min() > 0.8


@pytest.mark.slow
def test_the_hinge_holds_the_change_at_its_bound() -> None:
    """The margin grows by at most ||gradient|| with the norm; a larger beta leaves the norm at the bound."""
    beta = 2 * float(np.linalg.norm(GRADIENT))
    config = PLAIN.model_copy(update={"beta": beta, "hinge": 0.3})
    images = dark_and_bright(80)
    directions = train_generator(config, linear, images).model(images, training=False)
    norms = np.linalg.norm(0.1 * np.asarray(directions).reshape(80, -1), axis=1)
    np.testing.assert_allclose(norms, 0.3, atol=0.06)  # free, it is 0.77


@pytest.mark.slow
def test_the_history_tells_the_success_on_the_images_held_out(trained: TrainedGenerator) -> None:
    close = 0.5 + (dark_and_bright(80) - 0.5) * np.float32(0.25)  # some flip, some don't
    config = PLAIN.model_copy(update={"epochs": 4})
    result = train_generator(config, linear, close)
    held = close[np.random.default_rng(config.seed).permutation(80)[: config.validation]]
    moved = np.clip(held + 0.1 * np.asarray(result.model(held, training=False)), 0, 1)
    changed = np.asarray(linear(moved)).argmax(axis=1) != np.asarray(linear(held)).argmax(axis=1)
    assert result.history["success"][-1] == changed.mean()
    assert 0 < changed.mean() < 1
    assert {len(values) for values in trained.history.values()} == {PLAIN.epochs}


@pytest.mark.slow
def test_training_is_reproducible_from_its_seed() -> None:
    def weights(seed: int) -> list[np.ndarray]:
        config = PLAIN.model_copy(update={"epochs": 2, "alpha": 1.0, "beta": 1.0, "seed": seed})
        found: list[np.ndarray] = train_generator(config, linear, dark_and_bright(50)).model.get_weights()
        return found

    first, again, other = weights(0), weights(0), weights(1)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ConfigError, match="fewer validation images than the 16 training images; got 16"):
        train_generator(PLAIN, linear, dark_and_bright(16))


def test_directions_are_the_models_in_any_company(trained: TrainedGenerator, tmp_path: Path) -> None:
    trained.model.save(tmp_path / "g.keras")
    directions = Directions(tmp_path / "g.keras", SHAPE)
    images = dark_and_bright(150)
    found = directions(images)
    np.testing.assert_allclose(found, trained.model(images, training=False), atol=1e-5)
    order = np.random.default_rng(2).permutation(150)[:70]
    np.testing.assert_array_equal(directions(images[order]), found[order])
    assert directions(images[:0]).shape == (0, *SHAPE)
    import keras

    keras.backend.clear_session()
    np.testing.assert_array_equal(directions(images[3:4]), found[3:4])


def save_classifier(path: Path) -> None:
    from keras import Input, Sequential, layers

    Sequential([Input(SHAPE), layers.Flatten(), layers.Dense(3)]).save(path)


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (save_classifier, r"a generator with input and output shape \(5, 6, 2\); got a model with the shapes .*\(3,\)"),
        (lambda path: save_identity(path, (5, 6, 1)), r"got a model with the shapes \(5, 6, 1\), \(5, 6, 1\)"),
        (lambda path: save_constant(path, np.full(SHAPE, np.nan)), "finite outputs; got NaN"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(save: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    save(tmp_path / "g.keras")
    with pytest.raises(ModelError, match=message):
        Directions(tmp_path / "g.keras", SHAPE)
