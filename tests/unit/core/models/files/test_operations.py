from __future__ import annotations

from typing import Any

import pytest

from core.models.files.card import ZOO, ModelCard
from core.models.files.loading import load_model
from core.models.files.operations import Operations, count_operations

pytestmark = pytest.mark.usefixtures("one_thread")


def counted(*layers: Any, shape: tuple[int | None, ...] = (8, 8, 4)) -> Operations:
    import keras

    return count_operations(keras.Sequential([keras.Input(shape), *layers]))


def test_a_convolution_and_a_dense_layer_by_hand() -> None:
    from keras import layers

    plain = counted(
        layers.Conv2D(6, 3), layers.BatchNormalization(), layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(5)
    )
    assert plain == Operations(multiplications=6 * 6 * (3 * 3 * 4 * 6) + 3 * 3 * 6 * 5, without_bfloat16=0)


def test_depthwise_and_grouped_convolutions_have_no_kernel() -> None:
    from keras import layers

    depthwise = counted(layers.DepthwiseConv2D(3, padding="same"), layers.Conv2D(2, 1))
    assert (depthwise.multiplications, depthwise.without_bfloat16) == (64 * 36 + 64 * 8, 64 * 36)
    assert depthwise.share_without_bfloat16 == pytest.approx(36 / 44)
    grouped = counted(layers.Conv2D(4, 3, padding="same", groups=2))
    assert grouped.multiplications == grouped.without_bfloat16 == 64 * 9 * 2 * 4
    separable = counted(layers.SeparableConv2D(8, 3, padding="same"))
    assert (separable.multiplications, separable.without_bfloat16) == (64 * (36 + 32), 64 * 36)
    assert counted(layers.LSTM(3), shape=(5, 4)).share_without_bfloat16 == 1


def test_nested_models_and_open_sizes() -> None:
    import keras
    from keras import layers

    inner = keras.Sequential([keras.Input((8, 8, 4)), layers.DepthwiseConv2D(3, padding="same")])
    assert counted(inner, layers.Conv2D(2, 1)).without_bfloat16 == 64 * 36
    assert counted(layers.Conv2D(2, 3), shape=(None, None, 4)).multiplications == 0


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_the_cards_of_shipped_models_have_their_count(name: str) -> None:
    card = ModelCard.model_validate_json((ZOO / f"{name}.json").read_text())
    assert card.operations == count_operations(load_model(ZOO / f"{name}.keras"))
