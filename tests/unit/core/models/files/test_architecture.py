from __future__ import annotations

import pytest

from core.models.files.architecture import PREPROCESSING, architecture

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("name", "family", "preprocessing"),
    [
        ("ResNet50", "resnet", "caffe"),
        ("ResNet50V2", "resnet_v2", "tf"),
        ("VGG16", "vgg", "caffe"),
        ("DenseNet121", "densenet", "torch"),
        ("MobileNet", "mobilenet", "tf"),
        ("MobileNetV2", "mobilenet_v2", "tf"),
        ("MobileNetV3Small", "mobilenet_v3", None),
        ("EfficientNetB0", "efficientnet", None),
    ],
)
@pytest.mark.slow
def test_the_family_is_known_by_name_nested_or_by_its_layers(name: str, family: str, preprocessing: str | None) -> None:
    import keras
    from keras import layers

    base = getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3), include_top=False)
    nested = keras.Sequential([keras.Input((32, 32, 3)), base, layers.Flatten(), layers.Dense(2)], name="mine")
    flat = keras.Model(base.inputs, layers.Dense(2)(layers.Flatten()(base.output)), name="mine")
    assert architecture(base) == architecture(nested) == family
    assert PREPROCESSING.get(family) == preprocessing
    if preprocessing is not None:  # where a hint depends on it
        assert architecture(flat) == family


def test_another_model_belongs_to_none() -> None:
    import keras
    from keras import layers

    assert architecture(keras.Sequential([keras.Input((4,)), layers.Dense(2)], name="sequential_1")) is None
