from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.datasets.fashion_mnist import CLASS_NAMES
from core.errors import ConfigError, ModelError
from core.models.files.card import ModelCard, check_channels, resolve
from core.models.files.operations import Operations

SHAPE = (6, 5, 3)


def test_a_model_is_a_name_or_a_file(tmp_path: Path) -> None:
    name, path, card = resolve("cnn", (28, 28, 1))
    assert (name, card.classes, card.class_names, card.output) == ("cnn", 10, CLASS_NAMES, "softmax removed")
    assert path.is_file()
    with pytest.raises(ModelError, match=r"takes images of shape \(32, 32, 3\)"):
        resolve("cnn", (32, 32, 3))
    with pytest.raises(ConfigError, match="choose one of cnn, dscnn, mlp"):
        resolve("resnet", (28, 28, 1))
    with pytest.raises(ModelError, match="no file"):
        resolve(str(tmp_path / "none.keras"), (28, 28, 1))


def test_a_card_says_which_channels_the_images_must_have() -> None:
    card = resolve("cnn", (28, 28, 3))[2]
    assert card.image_shape == (28, 28, 1)
    check_channels("cnn", card, (28, 28, 1))
    with pytest.raises(ModelError, match=r"'cnn', which takes \(28, 28, 1\)"):
        check_channels("cnn", card, (28, 28, 3))


def save(path: Path, **first: Any) -> Path:
    from tasks.session import load_tensorflow

    load_tensorflow()
    import keras
    from keras import layers

    kernel = {"data_format": "channels_first"} if first.get("channels_first") else {}
    shape = (3, None, None) if first.get("channels_first") else (None, None, 3)
    keras.Sequential(
        [
            keras.Input(shape),
            layers.Rescaling(1 / 255),
            layers.Conv2D(2, 3, **kernel),
            layers.GlobalAveragePooling2D(**kernel),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="resnet50",
    ).save(path)
    return path


@pytest.mark.slow
def test_the_card_of_a_file_says_what_was_understood(tmp_path: Path) -> None:
    path = save(tmp_path / "mine.keras", channels_first=True)
    names = ["cat", "dog"]
    beside = path.with_suffix(".json")
    beside.write_text(json.dumps({"image_shape": [1], "classes": 9, "class_names": names, "test_accuracy": 0.5}))
    name, found, card = resolve(str(path), (6, 5, 1))
    assert (name, found) == ("mine.keras", path)
    assert card == ModelCard(
        image_shape=SHAPE,
        classes=2,
        input_shape=(None, None, 3),
        output="one sigmoid",
        channels_first=True,
        pixel_bounds=(0.0, 255.0),
        architecture="resnet",
        class_names=tuple(names),
        operations=Operations(multiplications=0, without_bfloat16=0),  # of images of any size
        test_accuracy=0.5,
    )
    assert card.preprocessing is None  # it rescales itself
    for other in ("not JSON", "[]", '{"class_names": 3}', '{"class_names": ["one", "two", "three"]}'):
        beside.write_text(other)
        assert resolve(str(path), SHAPE)[2].class_names == ()
