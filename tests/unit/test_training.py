from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from core.datasets.base import ImageSet
from core.models import training
from core.models.augment import SHIFT, augment, batches
from core.models.training import TrainConfig, save_curves, save_history, save_model, train

pytestmark = pytest.mark.usefixtures("one_thread")
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def stripes() -> ImageSet:
    """Horizontal and vertical stripes: what augmentation leaves recognisable."""
    labels = RNG.integers(0, 2, 300)
    base = np.indices((28, 28)).astype(np.uint8) // 4 % 2 * 200
    images = base[labels][..., None] + RNG.integers(0, 50, (300, 28, 28, 1)).astype(np.uint8)
    return ImageSet("stripes", images, labels.astype(np.int64))


def fit(stripes: ImageSet, **change: object) -> training.Trained:
    config = TrainConfig(**{"model": "mlp", "epochs": 2, "batch_size": 32, "validation": 60, **change})
    return train(config, stripes, stripes)


def test_training_is_reproducible_from_its_seed_and_learns(stripes: ImageSet) -> None:
    first, again, other = fit(stripes), fit(stripes), fit(stripes, seed=1)
    for a, b in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first.model.get_weights(), other.model.get_weights(), strict=True))
    assert first.test_accuracy > 0.95


def test_the_validation_images_are_held_out(stripes: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []

    def spy(images: np.ndarray, *rest: object) -> object:
        seen.append(images)
        return batches(images, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "batches", spy)
    fit(stripes, epochs=1)
    used = {image.tobytes() for image in seen[0]}
    everything = {image.tobytes() for image in stripes.images.astype(np.float32) / np.float32(255)}
    assert len(used) == 240
    assert len(everything - used) == 60


def test_what_is_written(stripes: ImageSet, tmp_path: Path) -> None:
    from core.models.loading import load_model

    trained = fit(stripes)
    save_model(trained, "mlp", tmp_path / "m.keras")
    x = stripes.images[:5].astype(np.float32) / 255
    np.testing.assert_array_equal(load_model(tmp_path / "m.keras")(x), trained.model(x))
    save_history(trained.history, tmp_path / "h.csv")
    rows = list(csv.DictReader((tmp_path / "h.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["val_accuracy"]) == trained.history["val_accuracy"][1]
    save_curves(trained.history, tmp_path / "c.png")
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
