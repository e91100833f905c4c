from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from core.attacks.base import Attack, Attacked, Examples
from core.attacks.fgsm import FGSM
from core.attacks.ifgsm import IFGSM
from core.attacks.mifgsm import MIFGSM
from core.errors import ConfigError
from core.models.inference.classifier import Classifier, predict
from core.run.manifest import StageConfig
from core.shard.cascade import UNMOVED, VANISHED, Stage, build, run_stages, stages_of
from tests.classifiers import CountingClassifier, LinearClassifier, image, tagged, tagged_classifier
from tests.runs import config

# Cross-entropy is saturated: exp(-1000) is zero in float32, and so is the gradient. The margin is not.
SATURATED = LinearClassifier(np.array([[1000.0, 0, 0, 0], [-1000.0, 1, 1, 1]]), np.array([0.0, 0.0]))
MAIN = Stage("mifgsm", MIFGSM(epsilon=0.6, steps=7))
FALLBACK = Stage("ifgsm", IFGSM(epsilon=0.6, steps=5, loss="margin"), only_unchanged=True)


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
    by_itself = FALLBACK.attack.run(SATURATED, examples(images, clean))
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
    stages = (
        StageConfig(attack="mifgsm", params={"epsilon": 0.1, "decay": 0.9}),
        StageConfig(attack="ifgsm", params={"loss": "margin"}, only_unchanged=True),
    )
    first, second = stages_of(config().model_copy(update={"stages": stages}))
    assert first == Stage("mifgsm", MIFGSM(epsilon=0.1, decay=0.9))
    assert second == Stage("ifgsm", IFGSM(loss="margin"), only_unchanged=True)


class Moves(Attack):
    """Sets the first pixel of every image, and notes which images it was given."""

    to: float
    seen: ClassVar[dict[float, list[int]]] = {}

    def run(self, classifier: Classifier, examples: Examples) -> Attacked:
        self.seen[self.to] = examples.indices.tolist()
        attacked = Attacked.start(examples.images)
        attacked.images[:, 0, 0, 0] = self.to
        attacked.steps[:] = round(100 * self.to)
        attacked.forward_passes[:], attacked.backward_passes[:] = 10, 1
        return attacked


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    Moves.seen.clear()


# Class 1 where the first pixel is larger than the second.
ORDER = LinearClassifier(np.array([[0.0, 0, 0, 0], [1.0, -1.0, 0, 0]]))


def test_an_image_goes_on_while_it_withstands_and_the_nearest_is_kept() -> None:
    images = np.concatenate([image(0, second, 0, 0) for second in (0.2, 0.5, 0.7, 0.95)])
    clean = np.zeros(4, np.int64)
    cascade = [Stage("low", Moves(to=0.3)), Stage("high", Moves(to=0.9)), Stage("middle", Moves(to=0.6))]
    outcome = run_stages(cascade, ORDER, examples(images, clean), clean)
    assert Moves.seen == {0.3: [0, 1, 2, 3], 0.9: [1, 2, 3], 0.6: [3]}
    # The last image withstands all of them: 0.9 came nearest.
    assert outcome.attack == ["low", "high", "high", "high"]
    np.testing.assert_allclose(outcome.images[:, 0, 0, 0], [0.3, 0.9, 0.9, 0.9])
    assert outcome.steps.tolist() == [30, 90, 90, 90]
    assert outcome.reason == ["", "", "", ""]


def test_the_passes_are_those_of_all_stages_and_of_the_choice_between_them() -> None:
    images = np.concatenate([image(0, second, 0, 0) for second in (0.2, 0.5, 0.95)])
    clean = np.zeros(3, np.int64)
    cascade = [Stage("low", Moves(to=0.3)), Stage("high", Moves(to=0.9)), Stage("middle", Moves(to=0.6))]
    outcome = run_stages(cascade, ORDER, examples(images, clean), clean)
    # Each stage takes ten forward passes and a backward pass. Before each further stage the example is looked at, and
    # what the stage makes of it; who was broken is looked at no more.
    assert outcome.forward_passes.tolist() == [10 + 1, 10 + 1 + 10 + 1 + 1, 10 + 1 + 10 + 1 + 1 + 10 + 1]
    assert outcome.backward_passes.tolist() == [1, 2, 3]
    alone = run_stages(cascade[:1], ORDER, examples(images, clean), clean)
    assert alone.forward_passes.tolist() == [10, 10, 10]


def test_the_passes_of_a_cascade_are_those_that_the_model_sees_in_any_shard() -> None:
    images = tagged(12)
    clean = predict(tagged_classifier(4), images)
    cascade = [
        Stage("fgsm", FGSM(epsilon=0.01)),
        Stage("ifgsm", IFGSM(epsilon=0.02), only_unchanged=True),
        Stage("mifgsm", MIFGSM(epsilon=0.04, restarts=1)),
    ]
    data = examples(images, clean)
    counting = CountingClassifier(tagged_classifier(5))
    whole = run_stages(cascade, counting, data, clean)
    assert whole.forward_passes.tolist() == [counting.forward[tag] for tag in range(12)]
    assert whole.backward_passes.tolist() == [counting.backward[tag] for tag in range(12)]
    assert len(set(whole.forward_passes)) > 3
    for rows in np.split(np.random.default_rng(0).permutation(12), [2, 3, 9]):
        part = run_stages(cascade, tagged_classifier(3), data.take(rows), clean[rows])
        np.testing.assert_array_equal(part.forward_passes, whole.forward_passes[rows])
        np.testing.assert_array_equal(part.backward_passes, whole.backward_passes[rows])


def test_a_targeted_cascade_goes_on_until_the_target_is_predicted() -> None:
    images = np.concatenate([image(0.4, second, 0, 0) for second in (0.2, 0.5)])
    clean = np.array([1, 0])
    aims = Examples(images, np.array([1, 1]), np.arange(2), targeted=True)
    cascade = [Stage("low", Moves(to=0.45)), Stage("high", Moves(to=0.9)), Stage("none", Moves(to=0.0))]
    outcome = run_stages(cascade, ORDER, aims, clean)
    # The first image is there from the start: it is for the first attack alone.
    assert outcome.attack == ["low", "high"]
    assert Moves.seen.get(0.0, []) == []


def test_a_fallback_is_a_stage_of_a_cascade() -> None:
    images = np.concatenate([image(0.5, 0.1, 0.1, 0.1), image(0.52, 0.5, 0.5, 0.5)])
    clean = predict(SATURATED, images)
    never = Stage("never", Moves(to=0.0))
    outcome = run_stages([MAIN, FALLBACK, never], SATURATED, examples(images, clean), clean)
    assert outcome.attack == ["ifgsm", "ifgsm"]
    assert outcome.reason == [VANISHED, VANISHED]


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (StageConfig(attack="pgd"), "choose one of "),
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
