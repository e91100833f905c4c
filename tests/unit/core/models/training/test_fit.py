from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.datasets.base import ImageSet
from core.errors import ConfigError, ModelError
from core.models.training import TrainConfig, Trained, accuracy, fit, save_curves, save_history, save_model, train
from core.models.training.augment import SHIFT, augment, batches

pytestmark = pytest.mark.usefixtures("one_thread")
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def stripes() -> ImageSet:
    """Horizontal and vertical stripes: what augmentation leaves recognisable."""
    labels = RNG.integers(0, 2, 300)
    base = np.indices((28, 28)).astype(np.uint8) // 4 % 2 * 200
    images = base[labels][..., None] + RNG.integers(0, 50, (300, 28, 28, 1)).astype(np.uint8)
    return ImageSet("stripes", images, labels.astype(np.int64))


@pytest.fixture(scope="module")
def noise() -> ImageSet:
    """Labels without a reason: learnt by heart, at the expense of other images. In colour."""
    images = RNG.integers(0, 256, (120, 6, 5, 3)).astype(np.uint8)
    return ImageSet("noise", images, RNG.integers(0, 3, 120))


def trained(data: ImageSet, **change: object) -> Trained:
    return train(TrainConfig(**{"model": "mlp", "epochs": 2, "batch_size": 32, "validation": 60, **change}), data)


def assert_same_weights(first: Trained, second: Trained) -> None:
    for a, b in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_training_is_reproducible_from_its_seed_and_learns(stripes: ImageSet) -> None:
    first, again, other = trained(stripes), trained(stripes), trained(stripes, seed=1)
    assert_same_weights(first, again)
    assert any((a != b).any() for a, b in zip(first.model.get_weights(), other.model.get_weights(), strict=True))
    assert accuracy(first.model, stripes) > 0.95


@pytest.mark.slow
def test_dropout_is_reproducible_too(stripes: ImageSet) -> None:
    first, again = (trained(stripes, model="dscnn", dropout=0.5, epochs=1) for _ in range(2))
    assert_same_weights(first, again)


def test_accuracy_is_the_share_of_right_answers(noise: ImageSet) -> None:
    model = trained(noise).model
    answers = np.asarray(model(noise.images.astype(np.float32) / 255)).argmax(axis=1)
    assert 0 < accuracy(model, noise) < 1
    assert accuracy(model, noise) == pytest.approx(np.mean(answers == noise.labels))


def test_the_validation_images_are_held_out(stripes: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []

    def spy(images: np.ndarray, *rest: Any, **options: Any) -> object:
        seen.append(images)
        return batches(images, *rest, **options)

    monkeypatch.setattr(fit, "batches", spy)
    trained(stripes, epochs=1)
    used = {image.tobytes() for image in seen[0]}
    everything = {image.tobytes() for image in stripes.images.astype(np.float32) / np.float32(255)}
    assert len(used) == 240
    assert len(everything - used) == 60


def test_more_validation_than_images(stripes: ImageSet) -> None:
    with pytest.raises(ConfigError, match="fewer validation images than the 300 training images; got 300"):
        trained(stripes, validation=300)


def test_images_too_small_for_the_model(noise: ImageSet) -> None:
    with pytest.raises(ModelError, match=r"images large enough for 'cnn'; got shape \(6, 5, 3\)"):
        trained(noise, model="cnn")


@pytest.mark.slow
def test_early_stopping_ends_after_its_patience_with_the_weights_of_the_best_epoch(noise: ImageSet) -> None:
    settings = {"schedule": "none", "augment": False}
    stopped = trained(noise, **settings, epochs=30, early_stopping=3)
    losses = stopped.history["val_loss"]
    best = int(np.argmin(losses)) + 1
    assert len(losses) == best + 3 < 30
    assert_same_weights(stopped, trained(noise, **settings, epochs=best))
    # And where the epochs end before its patience does.
    assert_same_weights(stopped, trained(noise, **settings, epochs=best + 1, early_stopping=3))


@pytest.mark.slow
@pytest.mark.parametrize("regularizer", ["none", "l2"])
def test_the_validation_loss_is_the_cross_entropy_and_the_penalty(noise: ImageSet, regularizer: str) -> None:
    penalised = regularizer == "l2"
    done = trained(noise, epochs=1, regularizer=regularizer, l2=0.01 if penalised else None)
    held = np.random.default_rng(0).permutation(120)[:60]
    answers = np.asarray(done.model(noise.images[held].astype(np.float32) / 255))
    entropy = -np.log(answers[np.arange(60), noise.required_labels()[held]]).mean()
    kernels = [weight for weight in done.model.get_weights() if weight.ndim > 1]
    penalty = 0.01 * sum(float((kernel**2).sum()) for kernel in kernels)
    assert penalty > 0.1
    assert done.history["val_loss"][0] == pytest.approx(entropy + penalised * penalty, rel=1e-5)


@pytest.mark.slow
def test_what_is_written(stripes: ImageSet, tmp_path: Path) -> None:
    from core.models.files.loading import load_model

    settings = {"model": "dscnn", "dropout": 0.3, "regularizer": "l1l2", "l1": 1e-5, "l2": 1e-4, "optimizer": "rmsprop"}
    done = trained(stripes, **settings)
    save_model(TrainConfig(**settings), done.model, tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    x = stripes.images[:5].astype(np.float32) / 255
    np.testing.assert_array_equal(loaded(x), done.model(x))
    assert len(done.model.losses) == 8
    assert loaded.losses == []
    assert [layer.rate for layer in loaded.layers if type(layer).__name__ == "Dropout"] == [0.3]
    assert getattr(loaded, "optimizer", None) is None
    save_history(done.history, tmp_path / "h.csv")
    rows = list(csv.DictReader((tmp_path / "h.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["val_accuracy"]) == done.history["val_accuracy"][1]
    save_curves(done.history, tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_an_augmented_image_is_a_shift_or_a_mirrored_shift() -> None:
    images = RNG.random((40, 6, 7, 2), np.float32)
    result = augment(images, np.random.default_rng(1))
    seen = set()
    for before, after in zip(images, result, strict=True):
        padded = np.pad(before, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)))
        matches = [
            (row, column, mirrored)
            for row in range(2 * SHIFT + 1)
            for column in range(2 * SHIFT + 1)
            for mirrored in (False, True)
            if np.array_equal(padded[row : row + 6, column : column + 7][:, :: -1 if mirrored else 1], after)
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) > 20


def test_batches_hold_each_image_once_an_epoch_and_do_not_depend_on_the_order_of_asking() -> None:
    images = np.arange(10, dtype=np.float32).reshape(10, 1, 1, 1)
    labels = np.arange(10)
    data = batches(images, labels, 4, seed=0, augmented=False)
    epoch = [data[i][1].tolist() for i in (2, 0, 1)]
    assert sorted(label for part in epoch for label in part) == list(range(10))
    again = batches(images, labels, 4, seed=0, augmented=False)
    assert [again[i][1].tolist() for i in (2, 0, 1)] == epoch
    data.on_epoch_end()
    assert [data[i][1].tolist() for i in (2, 0, 1)] != epoch
