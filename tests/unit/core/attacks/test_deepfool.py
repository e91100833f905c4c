from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.attacks.base import Examples
from core.attacks.deepfool import DeepFool
from core.errors import ConfigError
from core.image.pixels import Images
from core.models.inference.classifier import predict
from tests.classifiers import LinearClassifier, ScriptedClassifier, image, largest_others

NORMS = ["l2", "linf"]


class Curved:
    """Two classes of four pixels: z[0] = 0 and z[1] = p1 - p0^2 - c."""

    classes, exact = 2, True

    def __init__(self, batch_size: int = 4, c: float = 0.3) -> None:
        self.batch_size, self.c = batch_size, c
        self.seen: list[int] = []

    def logits(self, images: Images) -> NDArray[np.float32]:
        p = images.reshape(len(images), 4)
        gap = p[:, 1] - np.square(p[:, 0]) - np.float32(self.c)
        return np.stack([np.zeros_like(gap), gap], axis=1)

    def gradient(self, images: Images, labels: Any, loss: Any) -> Any:
        raise NotImplementedError

    def towards(self, images: Images, labels: Any, targets: Any, loss: Any) -> Any:
        raise NotImplementedError

    def rivals(
        self, images: Images, labels: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], Images]:
        self.seen.append(len(images))
        w = np.zeros_like(images).reshape(len(images), 4)
        w[:, 0], w[:, 1] = -2 * images.reshape(len(images), 4)[:, 0], 1
        w *= (1 - 2 * labels)[:, None]
        z = self.logits(images)
        return z, largest_others(z, labels, count), w.astype(np.float32).reshape(len(images), 1, *images.shape[1:])


def examples(images: np.ndarray, labels: Any, **more: Any) -> Examples:
    return Examples(images, np.asarray(labels), np.arange(len(images)), **more)


def change(attack: DeepFool, classifier: Any, data: Examples) -> np.ndarray:
    moved = attack.run(classifier, data).images.astype(np.float64) - data.images
    return moved.reshape(len(moved), -1)


def nearest(classifier: LinearClassifier, clean: Images, label: int, norm: str) -> np.ndarray:
    """The least change to the nearest hyperplane between the label and another class, in closed form."""
    x = clean.astype(np.float64).ravel()
    z = classifier.weights @ x + classifier.bias
    found = []
    for k in set(range(classifier.classes)) - {label}:
        w, gap = classifier.weights[k] - classifier.weights[label], z[label] - z[k]
        if norm == "l2":
            found.append((gap / np.sqrt(w @ w), gap * w / (w @ w)))
        else:
            found.append((gap / np.abs(w).sum(), gap * np.sign(w) / np.abs(w).sum()))
    return min(found, key=lambda each: float(each[0]))[1]


def linear(seed: int, norm: str, shape: tuple[int, ...]) -> tuple[LinearClassifier, Examples, np.ndarray]:
    """A classifier, three examples far from the bounds, and the least change of each."""
    rng = np.random.default_rng(seed)
    classifier = LinearClassifier(rng.normal(size=(5, int(np.prod(shape)))), rng.normal(size=5))
    clean = rng.random((3, *shape), np.float32)
    labels = predict(classifier, clean)
    least = np.array([nearest(classifier, x, y, norm) for x, y in zip(clean, labels, strict=True)])
    length = np.linalg.norm(least, 2 if norm == "l2" else np.inf, axis=1)
    assume(length.min() > 0.06)  # so that in five strides, none is the shortest step, 0.01 of this range
    return classifier, examples(clean, labels, bounds=(-50.0, 50.0)), least


SHAPES = st.sampled_from([(2, 2, 1), (3, 2, 3)])


@given(st.integers(0, 10**6), st.sampled_from(NORMS), SHAPES)
def test_one_step_is_the_closed_form_on_a_linear_model(seed: int, norm: Any, shape: tuple[int, ...]) -> None:
    classifier, data, least = linear(seed, norm, shape)
    attack = DeepFool(norm=norm, strides=1)
    np.testing.assert_allclose(change(attack, classifier, data), 1.02 * least, rtol=1e-4, atol=2e-6)
    assert attack.run(classifier, data).steps.tolist() == [1, 1, 1]


@given(st.integers(0, 10**6), st.sampled_from(NORMS), SHAPES, st.integers(2, 5))
def test_strides_lead_the_same_way(seed: int, norm: Any, shape: tuple[int, ...], strides: int) -> None:
    classifier, data, least = linear(seed, norm, shape)
    moved = change(DeepFool(norm=norm, strides=strides), classifier, data)
    share = (moved * least).sum(axis=1) / np.square(least).sum(axis=1)
    np.testing.assert_allclose(moved, share[:, None] * least, atol=1e-5)
    assert (share > 1 - 1e-6).all()
    assert (share < 1.02).all()


def test_two_steps_by_hand() -> None:
    # f = 0.1 - 0.25 - 0.3 = -0.45, w = (-1, 1), |w|^2 = 2: r = 0.225 (-1, 1), in both norms.
    data = examples(image(0.5, 0.1, 0.5, 0.5), [0])
    for norm in ("l2", "linf"):
        one = DeepFool(norm=norm, strides=1, steps=1, overshoot=0)
        np.testing.assert_allclose(change(one, Curved(), data), [[-0.225, 0.225, 0, 0]], atol=1e-6)
    # At (0.275, 0.325): f = -0.050625, w = (-0.55, 1), |w|_2^2 = 1.3025, |w|_1 = 1.55.
    for norm, second in (("l2", (-0.021377, 0.038868)), ("linf", (-0.032661, 0.032661))):
        two = DeepFool(norm=norm, strides=1, steps=2, overshoot=0)
        np.testing.assert_allclose(
            change(two, Curved(), data), [[-0.225 + second[0], 0.225 + second[1], 0, 0]], atol=1e-6
        )
    # With an overshoot of 0.1 the second gradient is taken at (0.2525, 0.3475): f = -0.0162563,
    # w = (-0.505, 1), r2 = 0.0129536 (-0.505, 1), and 1.1 (r1 + r2) crosses.
    found = DeepFool(strides=1, overshoot=0.1).run(Curved(), data)
    assert found.steps.tolist() == [2]
    wanted = 1.1 * np.array([-0.225 - 0.505 * 0.0129536, 0.225 + 0.0129536, 0, 0])
    np.testing.assert_allclose((found.images - data.images).ravel(), wanted, atol=1e-6)


def test_strides_go_a_share_of_what_is_left() -> None:
    data = examples(image(0.5, 0.1, 0.5, 0.5), [0])
    # Half of (-0.225, 0.225) leads to (0.3875, 0.2125); there f = -0.23765625, w = (-0.775, 1),
    # |w|^2 = 1.600625, and the second step goes all of the rest.
    rest = 0.23765625 / 1.600625
    for strides in (2, 9):  # never more of them than steps
        both = change(DeepFool(strides=strides, steps=2, overshoot=0), Curved(), data)
        np.testing.assert_allclose(both, [[-0.1125 - 0.775 * rest, 0.1125 + rest, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_a_pixel_that_would_leave_the_bounds_leaves_the_way_to_the_others(norm: Any) -> None:
    classifier = LinearClassifier(np.array([[0.0] * 4, [1.0, 1.0, 0.0, 0.0]]), np.array([0.0, -1.7]))
    attack = DeepFool(norm=norm, strides=1)
    # 1 + 0.2 is 0.5 short of the boundary: pixel 1 alone goes there, in one step.
    at_the_end = attack.run(classifier, examples(image(1, 0.2, 0.5, 0.5), [0]))
    np.testing.assert_allclose(at_the_end.images.ravel(), [1, 0.2 + 1.02 * 0.5, 0.5, 0.5], atol=1e-6)
    assert at_the_end.steps.tolist() == [1]
    # 0.6 short: 0.3 each, of which pixel 0 can go 0.1; then pixel 1 goes the rest.
    on_the_way = attack.run(classifier, examples(image(0.9, 0.2, 0.5, 0.5), [0])).images.ravel()
    assert on_the_way[0] == 1
    assert 0.7 < on_the_way[1] < 0.7 + 0.02 * 0.5 + 1e-6
    # Away from the upper bound, a pixel at it counts.
    back = attack.run(LinearClassifier(-classifier.weights, np.array([0.0, 1.7])), examples(image(1, 1, 0, 0), [0]))
    np.testing.assert_allclose(back.images.ravel(), [1 - 1.02 * 0.15] * 2 + [0, 0], atol=1e-6)


def test_the_way_ends_at_the_bounds_too() -> None:
    def gradient_of(x: np.ndarray) -> np.ndarray:
        return np.array([1 if x.ravel()[0] < 1 else -4, 0, 0, 0], np.float32).reshape(x.shape)

    # A step of 1, of which 0.1 stays within the bounds, and then 0.25 back from there.
    attack = DeepFool(strides=1, steps=2, overshoot=0)
    moved = change(attack, ScriptedClassifier(gradient_of), examples(image(0.9, 0.5, 0.5, 0.5), [0]))
    np.testing.assert_allclose(moved, [[-0.15, 0, 0, 0]], atol=1e-6)


def test_only_the_candidates_are_looked_at() -> None:
    # From 0, class 1 is 1 short at a slope of 1, class 2 is 2 short at a slope of 10.
    weights = np.array([[0.0] * 4, [1.0, 0.0, 0.0, 0.0], [0.0, 10.0, 0.0, 0.0]])
    classifier = LinearClassifier(weights, np.array([2.0, 1.0, 0.0]))
    data = examples(image(0, 0, 0, 0), [0], bounds=(-4.0, 4.0))
    np.testing.assert_allclose(change(DeepFool(strides=1), classifier, data), [[0, 0.204, 0, 0]], atol=1e-6)
    one = DeepFool(strides=1, candidates=1)
    np.testing.assert_allclose(change(one, classifier, data), [[1.02, 0, 0, 0]], atol=1e-6)


def test_an_image_that_is_misclassified_stays_as_it_is() -> None:
    rng = np.random.default_rng(0)
    classifier = LinearClassifier(rng.normal(size=(3, 4)))
    clean = rng.random((6, 2, 2, 1), np.float32)
    labels = predict(classifier, clean)
    labels[[1, 4]] = (labels[[1, 4]] + 1) % 3
    found = DeepFool().run(classifier, examples(clean, labels))
    stayed = (found.images == clean).all(axis=(1, 2, 3))
    assert stayed.tolist() == (found.steps == 0).tolist() == [False, True, False, False, True, False]
    assert not found.vanished.any()


@pytest.mark.parametrize("pixel", [0.0, np.nan, np.inf, 1e-38])
def test_no_usable_gradient_is_told(pixel: float) -> None:
    classifier = ScriptedClassifier(lambda x: np.full(x.shape, pixel, np.float32))
    data = examples(np.random.default_rng(0).random((3, 2, 2, 1), np.float32), [0, 0, 0])
    for norm in ("l2", "linf"):
        found = DeepFool(norm=norm).run(classifier, data)
        np.testing.assert_array_equal(found.images, data.images)
        assert found.vanished.all()
        assert not found.steps.any()


def test_one_pixel_without_a_gradient_is_left_out() -> None:
    classifier = ScriptedClassifier(lambda x: np.array([np.nan, 4, 0, 0], np.float32).reshape(x.shape))
    moved = change(DeepFool(strides=1, steps=1), classifier, examples(image(0.5, 0.5, 0.5, 0.5), [0]))
    np.testing.assert_allclose(moved, [[0, 1.02 / 4, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)])
@pytest.mark.parametrize("norm", NORMS)
def test_equal_logits_are_left_by_the_shortest_step(norm: Any, bounds: tuple[float, float]) -> None:
    span = bounds[1] - bounds[0]
    classifier = LinearClassifier(np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]))
    clean = np.full((1, 2, 2, 1), bounds[0] + span / 2, np.float32)
    found = DeepFool(norm=norm, strides=1).run(classifier, examples(clean, [0], bounds=bounds))
    assert predict(classifier, found.images).tolist() == [1]
    length = np.linalg.norm((found.images - clean).ravel(), 2 if norm == "l2" else np.inf)
    np.testing.assert_allclose(length, 1.02e-4 * span, rtol=0.05)


@pytest.mark.parametrize("norm", NORMS)
def test_other_bounds_are_another_unit(norm: Any) -> None:
    rng = np.random.default_rng(1)
    weights, bias = rng.normal(size=(4, 18)), rng.normal(size=4)
    clean = rng.random((5, 3, 2, 3), np.float32)
    labels = predict(LinearClassifier(weights, bias), clean)
    small = DeepFool(norm=norm).run(LinearClassifier(weights, bias), examples(clean, labels))
    scaled = examples(clean * np.float32(255), labels, bounds=(0.0, 255.0))
    large = DeepFool(norm=norm).run(LinearClassifier(weights / 255, bias), scaled)
    np.testing.assert_allclose(large.images / 255, small.images, atol=1e-5)
    assert 0 <= large.images.min() <= large.images.max() <= 255


@pytest.mark.parametrize("norm", NORMS)
def test_neither_order_nor_company_nor_batch_size_matters(norm: Any) -> None:
    clean = np.random.default_rng(2).random((11, 2, 2, 1), np.float32)
    data = examples(clean, predict(Curved(), clean))
    attack = DeepFool(norm=norm)
    whole = attack.run(Curved(), data)
    assert len(set(whole.steps.tolist())) > 1  # so that images leave the batch at different times
    assert (predict(Curved(), whole.images) != data.labels).all()
    order = np.random.default_rng(3).permutation(11)
    for rows, batch_size in ((order, 4), (order[:5], 3), (order, 1), (order, 64)):
        part = attack.run(Curved(batch_size), data.take(rows))
        np.testing.assert_array_equal(part.images, whole.images[rows])
        np.testing.assert_array_equal(part.steps, whole.steps[rows])


def test_passes_are_full_while_images_wait() -> None:
    clean = np.random.default_rng(2).random((30, 2, 2, 1), np.float32)
    classifier = Curved()
    found = DeepFool().run(classifier, examples(clean, predict(classifier, clean)))
    assert sum(classifier.seen) == found.steps.sum()
    assert classifier.seen[:20] == [4] * 20
    assert sorted(classifier.seen, reverse=True) == classifier.seen


def test_the_change_is_not_rounded_to_levels() -> None:
    clean = np.random.default_rng(4).integers(0, 256, (5, 2, 2, 1)).astype(np.float32) / np.float32(255)
    labels = predict(Curved(), clean)
    rounded, exact = (DeepFool().run(Curved(), examples(clean, labels, levels=levels)) for levels in (255, None))
    np.testing.assert_array_equal(rounded.images, exact.images)


def test_a_target_is_refused() -> None:
    assert not DeepFool.targetable
    with pytest.raises(ConfigError, match="deepfool without a target"):
        DeepFool().run(Curved(), examples(image(0.5, 0.5, 0.5, 0.5), [0], targeted=True))
