"""``advshard.attack`` against what is known of a linear model, and what it leaves alone."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import advshard
from advshard.inputs import image_source
from core.models.files.saving import save_model
from tests.processors import NEEDS_BFLOAT16

SHAPE = (4, 4, 1)
WEIGHTS = np.random.default_rng(3).normal(size=(16, 3)).astype(np.float32)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def model() -> Any:
    import keras

    linear = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3, use_bias=False)], name="linear"
    )
    linear.layers[-1].set_weights([WEIGHTS])
    return linear


def images(count: int = 9) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).uniform(0.3, 0.7, (count, *SHAPE)).astype(np.float32)


def test_fgsm_on_a_linear_model_is_its_closed_form(model: Any) -> None:
    """The cross-entropy's gradient is W (p - e_y), so one step of epsilon goes along its sign."""
    x = images()
    z = x.reshape(9, -1).astype(np.float64) @ WEIGHTS
    y = z.argmax(axis=1)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    gradient = (p - np.eye(3)[y]) @ WEIGHTS.T
    expected = x + np.float32(0.05) * np.sign(gradient).reshape(x.shape)
    found = advshard.attack(model, x, name="fgsm", eps=0.05, step_size=0.05, step_back=0, early_stop=False)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_epsilon_is_in_pixels_whatever_the_preprocessing(model: Any) -> None:
    x = 255 * images()
    settings: dict[str, Any] = {"name": "fgsm", "step_back": 0, "early_stop": False, "bounds": (0.0, 255.0)}
    found = advshard.attack(model, x, eps=5.0, step_size=5.0, preprocess="tf", **settings)
    by_hand = advshard.attack(
        model, x / 127.5 - 1, eps=5 / 127.5, step_size=5 / 127.5, **{**settings, "bounds": (-1, 1)}
    )
    np.testing.assert_allclose(found / 127.5 - 1, by_hand, atol=1e-5)
    np.testing.assert_allclose(abs(found - x), 5, atol=1e-3)


@pytest.mark.slow
def test_a_model_is_an_object_or_a_path(model: Any, tmp_path: Path) -> None:
    save_model(model, tmp_path / "linear.keras")
    x = images()
    as_object = advshard.attack(model, x, eps=0.2)
    np.testing.assert_array_equal(as_object, advshard.attack(tmp_path / "linear.keras", x, eps=0.2))
    np.testing.assert_array_equal(as_object, advshard.attack(str(tmp_path / "linear.keras"), x, eps=0.2))


def test_labels_are_what_images_are_moved_away_from(model: Any) -> None:
    x = images()
    predicted = model.predict(x, verbose=0).argmax(axis=1)
    other = (predicted + 1) % 3
    np.testing.assert_array_equal(advshard.attack(model, x, other), x, "they are predicted otherwise from the start")
    np.testing.assert_array_equal(advshard.attack(model, x, predicted), advshard.attack(model, x))


def test_a_target_is_reached(model: Any) -> None:
    found = advshard.attack(model, images(), eps=0.3, target=2)
    assert (model.predict(found, verbose=0).argmax(axis=1) == 2).all()


def test_8_bit_images_stay_on_their_levels(model: Any) -> None:
    x = np.random.default_rng(1).integers(80, 170, (5, *SHAPE)).astype(np.uint8)
    levels = advshard.attack(model, x, eps=0.2) * 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)


def test_what_an_attack_brings_along_is_there(model: Any) -> None:
    """Composition's candidates become files of a run; here they are temporary ones."""
    rng = np.random.default_rng(2)
    pictures = rng.uniform(0.3, 0.7, (6, 12, 12, 1)).astype(np.float32)
    import keras

    larger = keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(advshard.InputError, match="candidates"):
        advshard.attack(larger, pictures, name="composition", candidates="nowhere")


def test_session_threads_and_garbage_collector_stay_as_they_are(model: Any) -> None:
    import keras
    import tensorflow as tf

    layer = keras.layers.Dense(2, name="before")
    threads = (tf.config.threading.get_intra_op_parallelism_threads(), gc.get_threshold(), gc.isenabled())
    frozen = gc.get_freeze_count()
    advshard.attack(model, images(), eps=0.1)
    assert (tf.config.threading.get_intra_op_parallelism_threads(), gc.get_threshold(), gc.isenabled()) == threads
    assert gc.get_freeze_count() == frozen
    assert keras.layers.Dense(2).name != "dense", "the session's counters of names were not cleared"
    assert layer.name == "before"
    np.testing.assert_array_equal(model.layers[-1].get_weights()[0], WEIGHTS)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "nothing"}, "the name of a known attack"),
        ({"decay_": 1.0}, "a hyper-parameter of mifgsm"),
        ({"eps": 2.0}, "epsilon of at most 1"),
        ({"target": 3}, "a target in 0..2"),
        ({"bounds": (0.0, 0.5)}, "float pixels within the bounds"),
    ],
)
def test_bad_input_is_named(model: Any, change: dict[str, Any], expected: str) -> None:
    with pytest.raises(advshard.InputError, match=expected):
        advshard.attack(model, images(), **change)


def test_something_else_is_no_model() -> None:
    with pytest.raises(advshard.ModelError, match=r"a keras\.Model"):
        advshard.attack(object(), images())


def test_labels_of_an_array_may_be_left_out_or_are_checked(model: Any) -> None:
    with pytest.raises(advshard.DataError, match=r"9 labels, one per image; got labels of shape \(8,\)"):
        advshard.attack(model, images(), np.zeros(8, np.int64))
    assert image_source(images(), None).labels() is None


@NEEDS_BFLOAT16
def test_gradients_in_bfloat16_flip_what_float32_calls_flipped(model: Any) -> None:
    x = images(40)
    half, full = (advshard.attack(model, x, eps=0.05, precision=each) for each in ("auto", "float32"))
    flipped = (half.reshape(40, -1) @ WEIGHTS).argmax(axis=1) != (x.reshape(40, -1) @ WEIGHTS).argmax(axis=1)
    expected = (full.reshape(40, -1) @ WEIGHTS).argmax(axis=1) != (x.reshape(40, -1) @ WEIGHTS).argmax(axis=1)
    np.testing.assert_array_equal(flipped, expected)
    assert flipped.any()
    assert np.abs(half - x).max() <= np.float32(0.05) + 1e-7


def test_a_precision_that_can_not_be_had_is_refused(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    with pytest.raises(advshard.ConfigError, match="a processor with avx512_bf16 or amx_bf16"):
        advshard.attack(model, images(2), precision="bfloat16")
