"""The attack ``composition`` and the composer of ``generate``, on pictures whose nearest one is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.attacks import composition
from core.attacks.base import Examples
from core.attacks.boundary.blend import fixed_blend, least_blend
from core.attacks.composition import Composition
from core.composition.candidate_predictions import candidate_classes
from core.composition.candidates import Candidates
from core.datasets.base import ImageSet
from core.errors import DataError
from core.generate.composer import Composer
from core.image.digest import digests
from core.metrics.ssim import Ssim
from core.models.inference.classifier import predict
from core.runtime.asset import Asset
from tests.assets import as_assets
from tests.classifiers import LinearClassifier

SHAPE = (12, 13, 3)
UNIT = (0.0, 1.0)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, empty."""
    monkeypatch.setenv("ADVSHARD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def pictures(count: int = 40, classes: int = 3) -> ImageSet:
    rng = np.random.default_rng(1)
    return ImageSet("made up", rng.integers(0, 256, (count, *SHAPE)).astype(np.uint8), rng.integers(0, classes, count))


def classifier() -> LinearClassifier:
    rng = np.random.default_rng(2)
    return LinearClassifier(rng.normal(size=(3, int(np.prod(SHAPE)))), rng.normal(size=3), 4)


def assets(attack: Composition, of: ImageSet, folder: Path) -> dict[str, Asset]:
    files = {}
    for name, array in attack.prepare(of, UNIT, "cnn").items():
        if isinstance(array, Path):
            files[name] = array
        else:
            files[name] = folder / f"{name}.npy"
            np.save(files[name], array)
    return as_assets(files)


def nearest(image: np.ndarray, label: int, of: ImageSet, classes: np.ndarray | None = None) -> tuple[int, float]:
    """By brute force, with the metric."""
    others = np.flatnonzero((of.required_labels() != label) & (True if classes is None else classes != label))
    values = Ssim()(np.repeat(image[None], len(others), axis=0), (of.images[others] / 255).astype(np.float32), UNIT)
    return int(others[values.argmax()]), float(values.max())


def test_fixed_shares_of_the_nearest_of_another_label(tmp_path: Path) -> None:
    of = pictures()
    images = (np.random.default_rng(3).integers(0, 256, (5, *SHAPE)) / 255).astype(np.float32)
    labels = np.array([0, 1, 2, 0, 1])
    attack = Composition(blend="fixed", gamma=0.01)
    found = attack.run(classifier(), Examples(images, labels, np.arange(5), assets=assets(attack, of, tmp_path))).images
    for image, label, made in zip(images, labels, found, strict=True):
        row, ssim = nearest(image, label, of)
        alpha = 1 / (3.25 + ssim)
        expected = alpha * image + (1 - alpha) * (of.images[row] / 255) + 0.01
        np.testing.assert_allclose(made, np.clip(expected, 0, 1), atol=1e-6)


def test_candidates_are_kept_with_their_bounds(tmp_path: Path) -> None:
    """The same 8-bit pictures are other floats for a model that expects 0..255."""
    of, labels = pictures(), np.array([0, 1])
    images = np.random.default_rng(3).integers(0, 256, (2, *SHAPE)).astype(np.float32)
    attack = Composition(blend="fixed")
    files = assets(attack, of, tmp_path)
    unit, bytes_ = (
        attack.run(classifier(), Examples(images * (high / 255), labels, np.arange(2), (0.0, high), assets=files))
        for high in (1.0, 255.0)
    )
    np.testing.assert_allclose(bytes_.images, 255 * unit.images, atol=1e-3)


def test_shares_add_up_and_the_bounds_hold() -> None:
    image, other = np.full((2, 11, 11, 1), 0.2, np.float32), np.full((2, 11, 11, 1), 0.9, np.float32)
    found = fixed_blend(image, other, np.array([1.0, 0.0]), UNIT)
    for made, alpha in zip(found, (1 / 4.25, 1 / 3.25), strict=True):
        np.testing.assert_allclose(made, 0.2 * alpha + 0.9 * (1 - alpha), rtol=1e-6)
    assert fixed_blend(image, other, np.zeros(2), UNIT, gamma=5.0).max() == 1
    assert fixed_blend(image, other, np.zeros(2), UNIT, gamma=-5.0).min() == 0


def test_as_little_of_the_other_picture_as_flips_the_prediction() -> None:
    # Class 1 from the mean 0.5 on: of a picture at 1, an image at 0.2 needs three eighths.
    weights = np.stack([np.zeros(121), np.full(121, 1 / 121)])
    model = LinearClassifier(weights, np.array([0.5, 0.0]))
    images, others = np.full((2, 11, 11, 1), 0.2, np.float32), np.ones((2, 11, 11, 1), np.float32)
    others[1] = 0.4  # is predicted as class 0 itself
    ssim = np.array([0.1, 0.2])
    found = least_blend(model, Examples(images, np.zeros(2, np.int64), np.arange(2)), others, ssim, 12).images
    assert 0.5 < found[0].min() <= found[0].max() <= 0.5 + 0.8 / 2**11
    np.testing.assert_array_equal(found[1], fixed_blend(images, others, ssim, UNIT)[1])


def floats(of: ImageSet) -> np.ndarray:
    return (of.images / 255).astype(np.float32)


def tinted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With more or less of each colour."""
    return (images * rng.random((len(images), 1, 1, 3))).astype(np.uint8)


@pytest.mark.parametrize("search", ["all", "sampled"])
def test_the_least_blend_is_with_what_flips_the_prediction_itself(tmp_path: Path, search: Any) -> None:
    of, model = pictures(), classifier()
    images = (np.random.default_rng(4).integers(0, 256, (20, *SHAPE)) / 255).astype(np.float32)
    labels, classes = predict(model, images), predict(model, floats(of))
    attack = Composition(search=search)  # of fewer than k candidates, a sample is all
    data = Examples(images, labels, np.arange(20), levels=255, assets=assets(attack, of, tmp_path))
    found = attack.run(model, data).images
    assert (predict(model, found) != labels).all()
    rows = [nearest(image, label, of, classes)[0] for image, label in zip(images, labels, strict=True)]
    by_label = [nearest(image, label, of)[0] for image, label in zip(images, labels, strict=True)]
    assert rows != by_label  # for some, the nearest of another label wouldn't do
    others = floats(of)[rows]
    # Between the two, on whole levels.
    assert (np.abs(found - images) <= np.abs(others - images) + 1e-6).all()
    assert ((found - images) * (others - images) >= -1e-6).all()
    np.testing.assert_allclose(found * 255, np.rint(found * 255), atol=1e-3)


def test_where_no_candidate_flips_the_prediction_shares_are_fixed(tmp_path: Path) -> None:
    of, model = pictures(), LinearClassifier(np.zeros((3, int(np.prod(SHAPE)))), np.array([1.0, 0, 0]))
    attack, fixed = Composition(), Composition(blend="fixed")
    data = Examples(floats(of)[:5], np.zeros(5, np.int64), np.arange(5), assets=assets(attack, of, tmp_path))
    np.testing.assert_array_equal(attack.run(model, data).images, fixed.run(model, data).images)


def test_candidates_are_classified_once_for_each_classifier() -> None:
    of = pictures()
    candidates = Candidates.of(of.images, of.required_labels())
    first, second = classifier(), LinearClassifier(np.eye(3, int(np.prod(SHAPE))))
    np.testing.assert_array_equal(candidate_classes(first, candidates), predict(first, floats(of)))
    np.testing.assert_array_equal(candidate_classes(second, candidates), predict(second, floats(of)))
    again = Candidates.of(of.images[::-1], of.required_labels())
    np.testing.assert_array_equal(candidate_classes(first, again), predict(first, floats(of)[::-1]))
    first.logits = None  # type: ignore[assignment, method-assign]
    np.testing.assert_array_equal(candidate_classes(first, candidates), candidate_classes(first, again)[::-1])


def test_a_sample_is_drawn_by_the_images_index(tmp_path: Path, monkeypatch: Any) -> None:
    of = pictures(200)
    images = np.repeat(np.random.default_rng(5).random((1, *SHAPE), np.float32), 6, axis=0)
    attack = Composition(search="sampled", k=5, blend="fixed")
    data = Examples(images, np.zeros(6, np.int64), np.arange(6), assets=assets(attack, of, tmp_path))
    found = attack.run(classifier(), data).images
    assert len({each.tobytes() for each in found}) > 1
    again = attack.run(classifier(), data.take(np.array([4, 1]))).images
    np.testing.assert_array_equal(again, found[[4, 1]])
    # Of all that there are, the sample is the whole.
    whole = attack.model_copy(update={"k": 200}).run(classifier(), data).images
    monkeypatch.setattr(composition, "WORTH_EMBEDDING", 0)
    exact = Composition(blend="fixed")
    assert "embedding vectors" in exact.prepare(of, UNIT, "cnn")
    exactly = exact.run(classifier(), Examples(images, data.labels, data.indices, assets=assets(exact, of, tmp_path)))
    np.testing.assert_array_equal(whole, exactly.images)


@pytest.mark.slow
def test_candidates_are_a_data_sets_training_images_a_file_or_the_images_themselves(
    tmp_path: Path, fashion_mnist: Path, cache: Path
) -> None:
    (cache / "fashion-mnist").symlink_to(fashion_mnist)  # not to be downloaded once more
    of = pictures(30)
    np.testing.assert_array_equal(Composition(search="sampled").prepare(of, UNIT, "cnn")["images"], of.images)
    np.savez(tmp_path / "other.npz", images=of.images[:9], labels=of.required_labels()[:9])
    given = Composition(search="sampled", candidates=str(tmp_path / "other.npz")).prepare(of, UNIT, "cnn")
    np.testing.assert_array_equal(given["images"], of.images[:9])
    named = ImageSet("fashion-mnist", np.zeros((1, 28, 28, 1), np.uint8), np.zeros(1, np.int64))
    train = Composition(search="sampled").prepare(named, UNIT, "cnn")
    assert [train[name].shape[0] for name in ("images", "labels", "means", "variances")] == [60_000] * 4  # type: ignore[union-attr]
    with pytest.raises(DataError, match=r"candidates with the images' shape \(12, 13, 3\); got \(28, 28, 1\)"):
        Composition(candidates="fashion-mnist").prepare(of, UNIT, "cnn")
    with pytest.raises(DataError, match="choose one of fashion-mnist"):
        Composition(candidates="cifar").prepare(of, UNIT, "cnn")
    small = ImageSet("small", np.zeros((3, 8, 8, 1), np.uint8), np.arange(3))
    with pytest.raises(DataError, match="images of 11x11 pixels or more"):
        Composition().prepare(small, UNIT, "cnn")
    with pytest.raises(DataError, match="with labels, one class number per image; got no labels"):
        Composition().prepare(replace(of, labels=None), UNIT, "cnn")


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_surrogate_decides_in_the_place_of_the_model(tmp_path: Path) -> None:
    from tests.runs import save_model

    of, attacked = pictures(), LinearClassifier(np.zeros((3, int(np.prod(SHAPE)))), np.array([1.0, 0, 0]), 4)
    attack = Composition(surrogate=str(save_model(tmp_path / "surrogate.keras", SHAPE)), candidates=None)
    data = Examples((of.images[:8] / 255).astype(np.float32), np.zeros(8, np.int64), np.arange(8))
    given = Examples(data.images, data.labels, data.indices, assets=assets(attack, of, tmp_path))
    # The attacked model says 0 to everything, so that nothing of a picture would flip it.
    own = Composition()
    alone = own.run(attacked, Examples(data.images, data.labels, data.indices, assets=assets(own, of, tmp_path))).images
    assert (attack.run(attacked, given).images != alone).any()


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_the_composer_flips_its_model(tmp_path: Path) -> None:
    from tests.runs import save_model

    of, rng = pictures(60), np.random.default_rng(6)
    of = replace(of, images=tinted(of.images, rng))  # so that the model takes them for various classes
    np.savez(tmp_path / "candidates.npz", images=of.images, labels=of.required_labels())
    model = str(save_model(tmp_path / "model.keras", SHAPE))
    compose = Composer(str(tmp_path / "candidates.npz"), model)
    images = (tinted(rng.integers(0, 256, (10, *SHAPE)), rng) / 255).astype(np.float32)
    images[5:] = rng.random((5, *SHAPE), np.float32)  # on no grid
    composed = compose(images)
    classes = compose(floats(of)).label
    assert len(set(classes)) > 1
    for image, label, row in zip(images, composed.label, composed.candidate, strict=True):
        assert row == nearest(image, label, of, classes)[0]
    assert (composed.attack_label != composed.label).all()
    whole = composed.images[:5] * 255
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-3)
    # With the embedding, and one by one, the same examples.
    compose.warm_up(SHAPE)
    for place in (0, 7):
        np.testing.assert_array_equal(compose(images[place : place + 1]).images[0], composed.images[place])
    assert len(set(digests(composed.images))) == 10
