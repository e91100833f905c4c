"""The attack: a generator's directions, the ball, the way back, and which generator it takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.attacks import advgan
from core.attacks.advgan import AdvGAN
from core.attacks.base import Attack, Examples
from core.attacks.boundary.step_back import step_back
from core.datasets.base import ImageSet
from core.errors import ConfigError, InputError, ModelError
from core.image.pixels import Bounds, Images
from core.models.advgan.directions import Directions
from core.models.files.card import ZOO
from core.models.inference.classifier import predict
from core.runtime.asset import Asset
from tests.assets import as_assets
from tests.classifiers import LinearClassifier
from tests.generators import save_constant, save_identity, save_untrained

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (3, 5, 3)
SIGNS = np.where(np.random.default_rng(0).random(SHAPE) < 0.5, -1.0, 1.0)
UNIT = (0.0, 1.0)


def score(weights: Any, threshold: float) -> LinearClassifier:
    """Class 1 where the weighted sum of the pixels exceeds the threshold."""
    rows = np.stack([np.zeros(np.size(weights)), np.ravel(weights)])
    return LinearClassifier(rows, np.array([0.0, -threshold]))


NEVER = score(SIGNS, 1e9)


@pytest.fixture(scope="module")
def corner(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Asset]:
    """A generator that always gives SIGNS."""
    return as_assets({"generator": save_constant(tmp_path_factory.mktemp("corner") / "g.keras", SIGNS)})


def drawn(count: int, bounds: Bounds = UNIT) -> Images:
    return np.random.default_rng(1).uniform(*bounds, (count, *SHAPE)).astype(np.float32)


def examples(images: Images, assets: dict[str, Asset], **change: Any) -> Examples:
    count = len(images)
    return Examples(images, np.zeros(count, np.int64), np.arange(count), assets=assets, **change)


def test_the_generator_sees_images_in_0_to_1_and_moves_them_by_epsilon_times_its_output(tmp_path: Path) -> None:
    assets = as_assets({"generator": save_identity(tmp_path / "g.keras", SHAPE)})
    images = drawn(4, (-2.0, 6.0))
    attacked = AdvGAN(epsilon=0.5, step_back=0).run(NEVER, examples(images, assets, bounds=(-2.0, 6.0)))
    expected = np.minimum(images + 0.5 * (images + 2) / 8, 6)
    np.testing.assert_allclose(attacked.images, expected, rtol=1e-6, atol=1e-6)
    assert attacked.steps.tolist() == [1, 1, 1, 1]
    assert not attacked.vanished.any()


@given(
    low=st.floats(-100, 100, width=32),
    extent=st.floats(2**-6, 300, width=32),
    share=st.floats(0.001, 0.5),
    seed=st.integers(0, 99),
)
def test_the_change_never_leaves_ball_or_bounds(
    corner: dict[str, Asset], low: float, extent: float, share: float, seed: int
) -> None:
    bounds = (low, float(np.float32(low + extent)))
    images = np.random.default_rng(seed).uniform(*bounds, (2, *SHAPE)).astype(np.float32).clip(*bounds)
    epsilon = share * extent
    moved = AdvGAN(epsilon=epsilon).run(NEVER, examples(images, corner, bounds=bounds)).images
    assert np.abs(moved.astype(float) - images.astype(float)).max() <= epsilon
    assert moved.min() >= bounds[0]
    assert moved.max() <= bounds[1]


def test_what_is_no_number_changes_nothing(monkeypatch: pytest.MonkeyPatch, corner: dict[str, Asset]) -> None:
    def directions(images: Images) -> Images:
        found = np.ones_like(images)
        found[0], found[1, 0, 0, 0] = np.nan, np.nan
        return found

    monkeypatch.setattr(advgan, "cached", lambda key, make: directions)
    images = np.full((2, *SHAPE), 0.5, np.float32)
    attacked = AdvGAN(epsilon=0.1, step_back=0).run(NEVER, examples(images, corner))
    np.testing.assert_array_equal(attacked.images[0], images[0])
    assert attacked.images[1, 0, 0, 0] == 0.5
    np.testing.assert_allclose(np.delete(attacked.images[1], 0), 0.6)
    assert attacked.vanished.tolist() == [True, False]


def test_the_way_back_is_for_those_that_flipped(corner: dict[str, Asset]) -> None:
    images = drawn(12)
    sums = (images * SIGNS).sum(axis=(1, 2, 3))
    # Of the images below the threshold, the change lifts some above it.
    classifier = score(SIGNS, float(np.sort(sums)[-4]) + 3)
    data = examples(images, corner, levels=255)
    far = AdvGAN(epsilon=0.1, step_back=0).run(classifier, data).images
    near = AdvGAN(epsilon=0.1, step_back=5).run(classifier, data).images
    rows = np.flatnonzero(predict(classifier, far) == 1)
    assert 0 < len(rows) < 12
    np.testing.assert_array_equal(near[rows], step_back(classifier, data.take(rows), far[rows], 5).images)
    np.testing.assert_array_equal(np.delete(near, rows, axis=0), np.delete(far, rows, axis=0))


def test_what_is_misclassified_from_the_start_stays_as_it_is(corner: dict[str, Asset]) -> None:
    images = drawn(12)
    threshold = float(np.median((images * SIGNS).sum(axis=(1, 2, 3))))
    attacked = AdvGAN(epsilon=0.1).run(score(SIGNS, threshold), examples(images, corner))
    done = predict(score(SIGNS, threshold), images) == 1
    assert 0 < done.sum() < 12
    np.testing.assert_array_equal(attacked.images[done], images[done])
    assert (attacked.images[~done] != images[~done]).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(attacked.steps, ~done)


def test_the_same_example_gives_the_same_bytes_in_any_company(tmp_path: Path) -> None:
    assets = as_assets({"generator": save_untrained(tmp_path / "g.keras", SHAPE)})
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(3, SIGNS.size))
    data = examples(drawn(150), assets, levels=255)
    data = replace(data, labels=predict(LinearClassifier(weights), data.images))
    whole = AdvGAN(epsilon=0.3).run(LinearClassifier(weights, batch_size=64), data).images
    for rows in (rng.permutation(150), np.arange(149, 80, -1), np.array([7])):
        part = AdvGAN(epsilon=0.3).run(LinearClassifier(weights, batch_size=5), data.take(rows)).images
        np.testing.assert_array_equal(part, whole[rows])


def test_a_generator_is_loaded_once_for_its_content(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded: list[Path] = []

    def spy(path: Path, shape: tuple[int, ...]) -> Directions:
        loaded.append(path)
        return Directions(path, shape)

    monkeypatch.setattr(advgan, "Directions", spy)
    one, other = (save_constant(tmp_path / f"{name}.keras", sign * SIGNS) for name, sign in (("a", 1), ("b", -1)))
    found = []
    for path in (one, one, other, one):
        data = examples(np.full((1, *SHAPE), 0.5, np.float32), as_assets({"generator": path}))
        found.append(AdvGAN(epsilon=0.25, step_back=0).run(NEVER, data).images)
    assert loaded == [one, other]
    np.testing.assert_array_equal(found[0][0], 0.5 + 0.25 * SIGNS)
    np.testing.assert_array_equal(found[2][0], 0.5 - 0.25 * SIGNS)
    np.testing.assert_array_equal(found[3], found[0])


def image_set(shape: tuple[int, ...]) -> ImageSet:
    return ImageSet("x", np.zeros((1, *shape), np.float32), np.zeros(1, np.int64))


def prepared(generator: str | None, shape: tuple[int, ...], model: str = "cnn") -> Any:
    attack: Attack = AdvGAN(generator=generator)
    return attack.prepare(image_set(shape), UNIT, model)


@pytest.mark.parametrize("name", ["advgan-cnn", "advgan-mlp"])
def test_shipped_generators_are_found_by_name(name: str) -> None:
    assert prepared(name, (28, 28, 1)) == {"generator": ZOO / f"{name}.keras"}
    Directions(ZOO / f"{name}.keras", (28, 28, 1))


def test_of_no_generator_it_is_the_one_against_the_model() -> None:
    assert prepared(None, (28, 28, 1), "mlp") == {"generator": ZOO / "advgan-mlp.keras"}
    with pytest.raises(
        ConfigError, match=r"a model with a shipped generator, or .*; got 'my.keras'; train one: .*FILE"
    ):
        prepared(None, (28, 28, 1), "my.keras")


@pytest.mark.slow
def test_a_generator_in_a_file_is_looked_at_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = save_identity(tmp_path / "mine.keras", SHAPE)
    assert prepared(str(path), SHAPE) == {"generator": path}
    with pytest.raises(ModelError, match=r"input and output shape \(3, 5, 1\); got .*\(3, 5, 3\)"):
        prepared(str(path), (3, 5, 1))


@pytest.mark.parametrize(
    ("generator", "shape", "message"),
    [
        ("advgan-cnn", (32, 32, 3), r"images of shape \(32, 32, 3\); got 'advgan-cnn', which takes \(28, 28, 1\)"),
        ("cnn", (28, 28, 1), "got 'cnn'; choose one of advgan-cnn, advgan-mlp"),
        ("none.keras", (28, 28, 1), "a Keras file; got 'none.keras'"),
    ],
)
def test_a_generator_that_is_not_there_or_does_not_fit(generator: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepared(generator, shape)


def test_an_epsilon_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        AdvGAN(epsilon=0)
