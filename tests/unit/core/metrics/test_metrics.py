from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.metrics.distances import L0, L1, L2, Linf
from core.metrics.ssim import Ssim, SsimFull, by_scikit_image
from core.registry import METRICS
from core.shard.ledger import measure_metrics

UNIT = (0.0, 1.0)
RNG = np.random.default_rng(0)


def test_ssim_of_two_flat_images_is_the_luminance_term() -> None:
    a, b = 0.3, 0.5
    clean, other = (np.full((1, 16, 16, 1), value, np.float32) for value in (a, b))
    c1 = 0.01**2
    np.testing.assert_allclose(Ssim()(clean, other, UNIT), (2 * a * b + c1) / (a**2 + b**2 + c1), rtol=1e-5)


def test_ssim_knows_the_data_range() -> None:
    clean, other = RNG.random((2, 2, 16, 16, 1)).astype(np.float32)
    wide = Ssim()(clean * 255, other * 255, (0.0, 255.0))
    np.testing.assert_allclose(wide, Ssim()(clean, other, UNIT), rtol=1e-5)
    assert (Ssim()(clean, other, (0.0, 2.0)) != Ssim()(clean, other, UNIT)).all()


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_agrees_with_tensorflow(channels: int) -> None:
    import tensorflow as tf

    clean = RNG.random((5, 28, 28, channels)).astype(np.float32)
    other = np.clip(clean + RNG.normal(0, 0.1, clean.shape), 0, 1).astype(np.float32)
    # TensorFlow leaves the border out, scikit-image crops by the same 5 pixels.
    np.testing.assert_allclose(Ssim()(clean, other, UNIT), tf.image.ssim(clean, other, 1.0), atol=5e-5)


@settings(max_examples=40)
@given(
    st.integers(0, 9),
    st.integers(11, 30),
    st.integers(11, 30),
    st.integers(1, 3),
    st.sampled_from([UNIT, (0.0, 2.0), (0.0, 255.0), (-1.0, 1.0), (3.0, 5.0)]),
)
def test_both_ssims_are_those_of_scikit_image(
    count: int, height: int, width: int, channels: int, bounds: tuple[float, float]
) -> None:
    rng, (low, high) = np.random.default_rng(count), bounds
    clean = low + (high - low) * rng.random((count, height, width, channels), np.float32)
    noise = (high - low) * rng.normal(0, 0.1, clean.shape)
    other = np.clip(clean + noise, low, high).astype(np.float32)
    values = by_scikit_image(clean, other, bounds)
    for name, metric in ("ssim", Ssim()), ("ssim_full", SsimFull()):
        found = metric(clean, other, bounds)
        np.testing.assert_allclose(found, values[name], rtol=1e-13)
        # In any company.
        alone = [metric(clean[i : i + 1], other[i : i + 1], bounds)[0] for i in range(count)]
        np.testing.assert_array_equal(found, alone)


@pytest.mark.parametrize("name", ["ssim", "ssim_full"])
def test_ssim_does_not_depend_on_the_range_that_pixels_are_written_in(name: str) -> None:
    # Levels that are exact as float32 in each of the three ranges.
    levels = RNG.integers(0, 257, (2, 6, 20, 24, 3)) / 256
    values = []
    for low, high in [(0.0, 1.0), (0.0, 255.0), (-1.0, 1.0)]:
        clean, other = (low + (high - low) * levels).astype(np.float32)
        values.append(METRICS[name]()(clean, other, (low, high)))
    np.testing.assert_allclose(values[1:], [values[0]] * 2, rtol=1e-12)


def test_ssim_leaves_out_the_frame_that_ssim_full_counts() -> None:
    clean = RNG.random((1, 28, 28, 1), np.float32)
    corners = clean.copy()
    corners[:, [0, 0, -1, -1], [0, -1, 0, -1]] = 1 - np.rint(clean[:, [0, 0, -1, -1], [0, -1, 0, -1]])
    assert Ssim()(clean, corners, UNIT)[0] > 0.9999
    assert SsimFull()(clean, corners, UNIT)[0] < 0.99


def test_metrics_measured_together_are_those_measured_one_by_one() -> None:
    clean, other = RNG.random((2, 4, 12, 13, 1), np.float32)
    together = measure_metrics(clean, other, UNIT)
    assert set(together) == set(METRICS)
    for name, values in together.items():
        np.testing.assert_array_equal(values, METRICS[name]()(clean, other, UNIT))


def test_ssim_of_more_than_fits_at_a_time() -> None:
    clean, other = RNG.random((2, 100, 28, 28, 1), np.float32)
    whole = Ssim()(clean, other, UNIT)
    np.testing.assert_array_equal(whole[[0, 41, 99]], Ssim()(clean[[0, 41, 99]], other[[0, 41, 99]], UNIT))


def test_ssim_is_not_defined_for_images_under_its_window() -> None:
    small = np.zeros((2, 10, 28, 1), np.float32)
    for metric in Ssim(), SsimFull():
        assert np.isnan(metric(small, small, UNIT)).all()


def test_distances_by_hand() -> None:
    clean = np.zeros((2, 2, 2, 1), np.float32)
    other = np.array([[0.5, 0, -0.25, 0], [0, 0, 0, 0]], np.float32).reshape(clean.shape)
    assert L0()(clean, other, UNIT).tolist() == [2, 0]
    assert L1()(clean, other, UNIT).tolist() == [0.75, 0]
    np.testing.assert_allclose(L2()(clean, other, UNIT), [np.sqrt(0.3125), 0])
    assert Linf()(clean, other, UNIT).tolist() == [0.5, 0]


def test_predictions_made_together_are_those_made_apart() -> None:
    from core.image.pixels import to_float, to_uint8
    from core.models.inference.classifier import predict
    from core.shard.ledger import measure
    from tests.classifiers import LinearClassifier

    rng = np.random.default_rng(0)
    classifier = LinearClassifier(rng.normal(size=(5, 144)), batch_size=16)
    clean, adversarial = rng.random((2, 70, 12, 12, 1), np.float32)
    adversarial[::3] = to_float(to_uint8(adversarial[::3], (0, 1)), (0, 1))
    found = measure(classifier, clean, adversarial, (0.0, 1.0))
    rounded = to_float(to_uint8(adversarial, (0, 1)), (0, 1))
    np.testing.assert_array_equal(found.clean_prediction, predict(classifier, clean))
    np.testing.assert_array_equal(found.adversarial_prediction, predict(classifier, adversarial))
    np.testing.assert_array_equal(found.uint8_prediction, predict(classifier, rounded))
    again = measure(classifier, clean, adversarial, (0.0, 1.0), found.clean_prediction)
    np.testing.assert_array_equal(again.clean_prediction, found.clean_prediction)
    for name in found.metrics:
        np.testing.assert_array_equal(again.metrics[name], found.metrics[name])
