from __future__ import annotations

from types import SimpleNamespace

import pytest

from core.errors import ModelError
from core.models.inference.shapes import natural_shape


@pytest.mark.parametrize(
    ("taken", "shape"),
    [
        ((28, 28, 1), (28, 28, 1)),
        ((None, None, 3), (224, 224, 3)),
        ((3, 32, 16), (32, 16, 3)),
        ((1, None, None), (224, 224, 1)),
        ((28, 30), (28, 30, 1)),
        ((None, None, None), (224, 224, 3)),
        ((3, 3, 3), (3, 3, 3)),
    ],
)
def test_the_images_that_a_model_takes_by_itself(taken: tuple[int | None, ...], shape: tuple[int, ...]) -> None:
    model = SimpleNamespace(inputs=[SimpleNamespace(shape=(None, *taken))], outputs=[])
    assert natural_shape(model) == shape


def test_a_model_that_does_not_say_which_images_it_takes() -> None:
    for inputs in ([], [SimpleNamespace(shape=(None, 7))], [SimpleNamespace(shape=(None, 5, 5, 9))]):
        with pytest.raises(ModelError, match="--data"):
            natural_shape(SimpleNamespace(inputs=inputs, outputs=[]))
