from __future__ import annotations

from collections import Counter

import numpy as np

from core.shard.targets import targets

LOGITS = np.array([[3, 1, 2], [0, 5, -1], [4, 4.5, 4.25], [-3, -2, -1]], np.float32)
INDICES = np.array([7, 8, 20, 21])


def test_one_class_for_all_images() -> None:
    np.testing.assert_array_equal(targets(2, LOGITS, INDICES, seed=0), [2, 2, 2, 2])


def test_the_least_likely_class_has_the_smallest_logit() -> None:
    np.testing.assert_array_equal(targets("least-likely", LOGITS, INDICES, seed=0), [1, 2, 0, 0])


def test_a_random_class_is_any_but_the_predicted_one() -> None:
    count = 3000
    found = targets("random", np.tile(LOGITS[:1], (count, 1)), np.arange(count), seed=0)
    drawn = Counter(found.tolist())
    assert set(drawn) == {1, 2}
    # Five standard deviations of a fair coin.
    assert abs(drawn[1] - count / 2) < 5 * np.sqrt(count) / 2


def test_a_random_class_depends_on_the_seed_and_the_image_alone() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(200, 10)).astype(np.float32)
    indices = rng.permutation(1000)[:200]
    whole = targets("random", logits, indices, seed=3)
    assert (whole != logits.argmax(axis=1)).all()
    assert set(whole) == set(range(10))
    rows = rng.permutation(200)[:37]
    np.testing.assert_array_equal(targets("random", logits[rows], indices[rows], seed=3), whole[rows])
    assert (targets("random", logits, indices, seed=4) != whole).mean() > 0.5
