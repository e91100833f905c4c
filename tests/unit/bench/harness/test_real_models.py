"""The models of real size that the benchmarks draw."""

from __future__ import annotations

import numpy as np
import pytest

from bench.harness.real_models import build, images_of

pytestmark = pytest.mark.usefixtures("one_thread")


def test_images_are_drawn_from_the_seed() -> None:
    images = images_of(2, seed=3)
    assert images.shape == (2, 224, 224, 3)
    np.testing.assert_array_equal(images, images_of(2, seed=3))
    assert (images != images_of(2, seed=4)).any()
    assert images.std() > 20


@pytest.mark.slow
def test_a_settled_model_tells_images_apart() -> None:
    model = build("mobilenetv2")
    probabilities = np.asarray(model(images_of(8, seed=1) / np.float32(255), training=False))
    logits = np.log(probabilities)
    assert len(set(probabilities.argmax(axis=1))) > 3
    assert 0.3 < (logits - logits.mean(axis=1, keepdims=True)).std() < 3
