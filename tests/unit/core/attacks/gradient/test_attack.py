from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.attacks.base import Attack, Examples
from core.attacks.fgsm import FGSM
from core.attacks.gradient.norms import ball
from core.attacks.ifgsm import IFGSM
from core.attacks.mifgsm import MIFGSM
from core.models.inference.classifier import predict
from tests.classifiers import SHAPE, LinearClassifier, ScriptedClassifier, image

RNG = np.random.default_rng(0)


def examples(images: np.ndarray, labels: np.ndarray | None = None, **more: Any) -> Examples:
    count = len(images)
    return Examples(images, np.zeros(count, np.int64) if labels is None else labels, np.arange(count), **more)


def linear(classes: int = 3, batch_size: int = 4, scale: float = 1.0) -> LinearClassifier:
    rng = np.random.default_rng(1)
    return LinearClassifier(scale * rng.normal(size=(classes, 4)), rng.normal(size=classes), batch_size)


def random_examples(count: int, classifier: LinearClassifier) -> Examples:
    images = np.random.default_rng(2).random((count, *SHAPE), np.float32)
    return examples(images, predict(classifier, images))


def test_fgsm_is_the_closed_form_on_a_linear_model() -> None:
    weights = np.array([[1.0, -2.0, 0.5, 0.0], [-1.0, 1.0, 0.0, 0.0]])
    clean = image(0.5, 0.5, 0.5, 0.5)
    attacked = FGSM(epsilon=0.1, step_back=0).run(LinearClassifier(weights, np.array([1.0, 0.0])), examples(clean))
    # The loss of class 0 grows along w1 - w0 = (-2, 3, -0.5, 0), whatever the softmax weighs it with.
    np.testing.assert_allclose(attacked.images[0].ravel(), [0.4, 0.6, 0.4, 0.5], atol=1e-7)
    assert attacked.steps.tolist() == [1]


def scripted(*gradients: tuple[float, float, float, float], step: float = 0.01) -> ScriptedClassifier:
    """The gradient by the number of steps that the first pixel took from 0.5, up or down."""

    def gradient_of(pixels: np.ndarray) -> np.ndarray:
        taken = round(abs(float(pixels.ravel()[0]) - 0.5) / step)
        return np.array(gradients[min(taken, len(gradients) - 1)], np.float32).reshape(SHAPE)

    return ScriptedClassifier(gradient_of)


def test_mifgsm_two_steps_by_hand() -> None:
    # g1/||g1||_1 = (.5, .3, -.2, 0); g2/||g2||_1 = (.1, -.2, .3, -.4)
    classifier = scripted((5, 3, -2, 0), (100, -200, 300, -400))
    clean = image(0.5, 0.5, 0.5, 0.5)

    def two_steps(decay: float) -> list[float]:
        attack = MIFGSM(epsilon=0.3, steps=2, step_size=0.01, decay=decay, step_back=0)
        moved = attack.run(classifier, examples(clean)).images[0].ravel() - clean.ravel()
        return np.rint(moved / 0.01).tolist()

    # decay 1: (.6, .1, .1, -.4). An accumulated sign would give 0 in the second pixel, an
    # unnormalised sum -1, and a lost momentum 0.
    assert two_steps(1.0) == [2, 2, 0, -1]
    # decay 0.5: (.35, -.05, .2, -.4)
    assert two_steps(0.5) == [2, 0, 0, -1]
    # decay 0: the second gradient alone
    assert two_steps(0.0) == [2, 0, 0, -1]
    # decay 0.7: (.45, .01, .16, -.4): between the two
    assert two_steps(0.7) == [2, 2, 0, -1]


def test_mifgsm_without_decay_is_ifgsm_and_with_it_is_not() -> None:
    rng = np.random.default_rng(5)
    hidden = rng.normal(size=(6, 4)).astype(np.float32)

    def gradient_of(pixels: np.ndarray) -> np.ndarray:
        # Of sum(cos(9 h x)): it turns round within a step or two.
        return (-9 * np.sin(9 * hidden @ pixels.ravel()) @ hidden).reshape(SHAPE).astype(np.float32)

    classifier = ScriptedClassifier(gradient_of)
    data = examples(rng.random((20, *SHAPE), np.float32))
    common = {"epsilon": 0.3, "steps": 8, "step_size": 0.05, "step_back": 0}
    plain = IFGSM(**common).run(classifier, data).images
    np.testing.assert_array_equal(MIFGSM(decay=0, **common).run(classifier, data).images, plain)
    half = MIFGSM(decay=0.5, **common).run(classifier, data).images
    full = MIFGSM(decay=1, **common).run(classifier, data).images
    assert (full != plain).any()
    assert (half != full).any()
    assert (half != plain).any()


def test_the_gradient_is_taken_anew_at_each_iterate() -> None:
    # Towards 0.5 from either side: a gradient kept from the start would walk past it.
    classifier = ScriptedClassifier(lambda pixels: (0.525 - pixels).astype(np.float32))
    attacked = IFGSM(epsilon=0.5, steps=20, step_size=0.05, step_back=0).run(
        classifier, examples(image(0.3, 0.7, 0.3, 0.7))
    )
    assert np.abs(attacked.images - 0.525).max() < 0.051


def test_the_norm_is_each_images_own() -> None:
    # The gradients of the two images differ by 1e9; with one norm for the batch, the small one's first
    # gradient would count for nothing against its second.
    def gradient_of(pixels: np.ndarray) -> np.ndarray:
        start = 0.25 if pixels.ravel()[3] < 0.5 else 0.75
        first = abs(float(pixels.ravel()[3]) - start) < 0.005
        scale = 1e-6 if start == 0.25 else 1e3
        return np.array([3 if first else -1, 0, 0, 1], np.float32).reshape(SHAPE) * np.float32(scale)

    data = examples(np.concatenate([image(0.5, 0.5, 0.5, 0.25), image(0.5, 0.5, 0.5, 0.75)]))
    attack = MIFGSM(epsilon=0.2, steps=2, step_size=0.01, decay=1, step_back=0)
    together = attack.run(ScriptedClassifier(gradient_of), data).images
    # (.75 - .5) > 0: the first pixel goes up twice in both images.
    np.testing.assert_allclose(together[:, 0, 0, 0], 0.52, atol=1e-6)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_gradient_that_leads_nowhere_leaves_the_image_and_is_noted(bad: float) -> None:
    classifier = ScriptedClassifier(lambda pixels: np.full(SHAPE, bad, np.float32))
    clean = image(0.2, 0.4, 0.6, 0.8)
    attacked = MIFGSM(steps=3).run(classifier, examples(clean))
    np.testing.assert_array_equal(attacked.images, clean)
    assert attacked.vanished.tolist() == [True]


def test_a_tiny_gradient_still_moves_the_image() -> None:
    classifier = ScriptedClassifier(lambda pixels: np.full(SHAPE, 1e-20, np.float32))
    attacked = MIFGSM(epsilon=0.1, steps=1, step_back=0).run(classifier, examples(image(0.5, 0.5, 0.5, 0.5)))
    np.testing.assert_allclose(attacked.images, 0.6, atol=1e-6)
    assert attacked.vanished.tolist() == [False]


@given(
    arrays(np.float32, (3, *SHAPE), elements=st.floats(0, 1, width=32)),
    st.floats(1e-6, 1, allow_subnormal=False),
    st.integers(1, 6),
    st.floats(0, 2),
)
def test_epsilon_and_bounds_are_never_overshot(clean: np.ndarray, epsilon: float, steps: int, decay: float) -> None:
    attack = MIFGSM(epsilon=epsilon, steps=steps, decay=decay, early_stop=False)
    result = attack.run(linear(), examples(clean)).images
    assert np.abs(result.astype(np.float64) - clean.astype(np.float64)).max() <= epsilon
    assert result.min() >= 0
    assert result.max() <= 1
    assert result.dtype == np.float32


@given(
    st.floats(-300, 300, width=32), st.floats(1e-3, 50), st.sampled_from([(0.0, 255.0), (-1.0, 1.0), (-300.0, 300.0)])
)
def test_the_ball_is_as_large_as_it_may_be(pixel: float, epsilon: float, bounds: tuple[float, float]) -> None:
    clean = np.clip(np.full((1, 1, 1), pixel, np.float32), np.float32(bounds[0]), np.float32(bounds[1]))
    lower, upper = ball(clean, epsilon, bounds)
    assert float(upper.item()) - float(clean.item()) <= epsilon
    assert float(clean.item()) - float(lower.item()) <= epsilon
    beyond = np.nextafter(upper, np.float32(np.inf))
    # One float further out is too far (or, the difference being rounded itself, just as far).
    assert float(beyond.item()) - float(clean.item()) >= epsilon or beyond.item() > bounds[1]
    below = np.nextafter(lower, np.float32(-np.inf))
    assert float(clean.item()) - float(below.item()) >= epsilon or below.item() < bounds[0]


def test_an_image_stops_at_its_first_misclassification() -> None:
    # One pixel, two classes: the prediction flips when the pixel passes 0.5.
    weights = np.zeros((2, 4))
    weights[1, 0] = 1
    classifier = LinearClassifier(weights, np.array([0.5, 0.0]))
    images = np.concatenate([image(0.45, 0, 0, 0), image(0.27, 0, 0, 0), image(0.0, 0, 0, 0), image(0.9, 0, 0, 0)])
    common = {"epsilon": 0.3, "steps": 3, "step_size": 0.1, "step_back": 0}
    attacked = IFGSM(**common).run(classifier, examples(images))
    # one step; three; never; misclassified from the start
    assert attacked.steps.tolist() == [1, 3, 3, 0]
    np.testing.assert_allclose(attacked.images[:, 0, 0, 0], [0.55, 0.57, 0.3, 0.9], atol=1e-6)
    on = IFGSM(**common, early_stop=False).run(classifier, examples(images))
    assert on.steps.tolist() == [3, 3, 3, 3]


def test_a_failure_is_kept_as_the_attack_left_it() -> None:
    weights = np.zeros((2, 4))
    weights[1, 0] = 1
    classifier = LinearClassifier(weights, np.array([9.0, 0.0]))
    attacked = MIFGSM(epsilon=0.1, steps=4).run(classifier, examples(image(0.2, 0, 0, 0)))
    np.testing.assert_allclose(attacked.images[0, 0, 0, 0], 0.3, atol=1e-6)


@given(st.integers(1, 7), st.integers(1, 13), st.randoms(use_true_random=False), st.booleans())
def test_the_result_depends_neither_on_batch_nor_on_company(
    batch_size: int, count: int, random: object, start: bool
) -> None:
    reference = linear(batch_size=4)
    data = random_examples(13, reference)
    attack = MIFGSM(epsilon=0.2, steps=5, decay=1, random_start=start)
    whole = attack.run(reference, data)
    rows = list(range(13))
    random.shuffle(rows)  # type: ignore[attr-defined]
    chosen = np.array(rows[:count])
    part = attack.run(linear(batch_size=batch_size), data.take(chosen))
    np.testing.assert_array_equal(part.images, whole.images[chosen])
    np.testing.assert_array_equal(part.steps, whole.steps[chosen])
    np.testing.assert_array_equal(part.vanished, whole.vanished[chosen])


def test_free_places_of_the_active_batch_are_refilled_at_once() -> None:
    classifier = linear(batch_size=4)
    data = random_examples(40, classifier)
    classifier.passes = 0
    steps = IFGSM(epsilon=0.3, steps=10, step_back=0).run(classifier, data).steps
    # Each image needs one pass more than its steps where it flipped; batch by batch it would be many more.
    assert classifier.passes <= np.ceil((steps + 1).sum() / 4) + 10


def test_a_random_start_is_drawn_by_the_images_index() -> None:
    data = examples(np.full((3, *SHAPE), 0.5, np.float32))
    still = ScriptedClassifier(lambda pixels: np.zeros(SHAPE, np.float32))
    attack = IFGSM(epsilon=0.1, steps=1, random_start=True, step_back=0)
    started = attack.run(still, data).images
    assert len({each.tobytes() for each in started}) == 3
    assert np.abs(started - 0.5).max() <= 0.1
    again = attack.run(still, data.take(np.array([2, 0]))).images
    np.testing.assert_array_equal(again, started[[2, 0]])
    other = Examples(data.images, data.labels, data.indices, seed=1)
    assert (attack.run(still, other).images != started).any()


def test_an_attack_must_say_how_it_runs() -> None:
    with pytest.raises(NotImplementedError):
        Attack().run(linear(), random_examples(1, linear()))
