from __future__ import annotations

import numpy as np
import pytest

from core.attacks.base import Examples
from core.attacks.ifgsm import IFGSM
from core.attacks.mifgsm import MIFGSM
from core.attacks.stages import UNMOVED, VANISHED, build, run_stages, stages_of
from core.contracts import RunConfig, StageConfig
from core.errors import ConfigError
from core.models.classifier import predict
from tests.classifiers import LinearClassifier, image

# Cross-entropy is saturated: exp(-1000) is zero in float32, and so is the gradient. The margin is not.
SATURATED = LinearClassifier(np.array([[1000.0, 0, 0, 0], [-1000.0, 1, 1, 1]]), np.array([0.0, 0.0]))
MAIN = ("mifgsm", MIFGSM(epsilon=0.6, steps=7))
FALLBACK = ("ifgsm", IFGSM(epsilon=0.6, steps=5, loss="margin"))


def examples(images: np.ndarray, labels: np.ndarray) -> Examples:
    return Examples(images, labels, np.arange(len(images)))


def test_what_the_attack_left_unchanged_goes_to_the_fallback_with_the_reason() -> None:
    images = np.concatenate([image(0.5, 0.1, 0.1, 0.1), image(0.52, 0.5, 0.5, 0.5)])
    clean = predict(SATURATED, images)
    assert clean.tolist() == [0, 0]
    alone = run_stages([MAIN], SATURATED, examples(images, clean), clean)
    np.testing.assert_array_equal(alone.images, images)
    both = run_stages([MAIN, FALLBACK], SATURATED, examples(images, clean), clean)
    assert both.attack == ["ifgsm", "ifgsm"]
    assert both.reason == [VANISHED, VANISHED]
    assert predict(SATURATED, both.images).tolist() == [1, 1]
    by_itself = FALLBACK[1].run(SATURATED, examples(images, clean))
    np.testing.assert_array_equal(both.images, by_itself.images)
    assert both.steps.tolist() == by_itself.steps.tolist()
    assert alone.steps.tolist() == [7, 7]


def test_images_that_moved_stay_with_the_first_attack() -> None:
    gentle = LinearClassifier(np.array([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]]))
    images = np.concatenate([image(0.3, 0, 0, 0), image(0.9, 0, 0, 0)])
    clean = predict(gentle, images)
    outcome = run_stages([MAIN, FALLBACK], gentle, examples(images, clean), clean)
    assert outcome.attack == ["mifgsm", "mifgsm"]
    assert outcome.reason == ["", ""]


def test_an_image_pinned_at_the_bounds_falls_back_for_another_reason() -> None:
    # The gradient points out of the bounds, so that the image can't move: it didn't vanish.
    pinned = LinearClassifier(np.array([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]]), np.array([1.0, 0.0]))
    images = image(0, 0, 0, 0)
    clean = predict(pinned, images)
    outcome = run_stages([MAIN, FALLBACK], pinned, examples(images, clean), clean)
    assert outcome.reason == [UNMOVED]


def test_an_image_misclassified_from_the_start_is_done() -> None:
    images = image(0.5, 0.1, 0.1, 0.1)
    clean = predict(SATURATED, images)
    outcome = run_stages([MAIN, FALLBACK], SATURATED, examples(images, 1 - clean), clean)
    np.testing.assert_array_equal(outcome.images, images)
    assert outcome.reason == [""]
    assert outcome.steps.tolist() == [0]


def test_stages_are_built_from_the_configuration() -> None:
    config = RunConfig(
        attack=StageConfig(attack="mifgsm", params={"epsilon": 0.1, "decay": 0.9}),
        fallback=StageConfig(attack="ifgsm", params={"loss": "margin"}),
    )
    (first, attack), (second, fallback) = stages_of(config)
    assert (first, second) == ("mifgsm", "ifgsm")
    assert isinstance(attack, MIFGSM)
    assert attack.decay == 0.9
    assert isinstance(fallback, IFGSM)
    assert fallback.loss == "margin"


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (StageConfig(attack="pgd"), "choose one of fgsm, ifgsm, mifgsm"),
        (StageConfig(attack="fgsm", params={"decay": 1.0}), "expected a hyper-parameter of fgsm; got decay"),
        (StageConfig(attack="mifgsm", params={"epsilon": -0.1}), "mifgsm with a valid epsilon; got -0.1"),
        (StageConfig(attack="mifgsm", params={"steps": 0}), "mifgsm with a valid steps; got 0"),
        (StageConfig(attack="mifgsm", params={"loss": "mse"}), "mifgsm with a valid loss; got 'mse'"),
    ],
)
def test_a_stage_that_cannot_be_is_refused(stage: StageConfig, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        build(stage.attack, stage.params)
    assert said in str(refused.value)
