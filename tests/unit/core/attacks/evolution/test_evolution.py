"""Differential evolution and the space of few pixels, against hand-worked steps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.attacks.evolution.differential_evolution import Evolution, children
from core.attacks.evolution.pixel_space import Candidates, FewPixels
from core.image.pixels import to_float

GREY = FewPixels(1, (2, 3, 1), (0.0, 1.0), 255)
COLOUR = FewPixels(2, (2, 2, 3), (-1.0, 1.0), 4)


def candidates(*numbers: list[list[int]]) -> Candidates:
    return np.array(numbers, np.int32)


class Ordered(np.random.Generator):
    """Its permutation is the one given."""

    def __init__(self, order: list[int]) -> None:
        super().__init__(np.random.PCG64(0))
        self.order = order

    def permutation(self, *_: Any, **__: Any) -> Any:
        return np.array(self.order)


def whole(numbers: NDArray[np.float64]) -> Candidates:
    return np.rint(numbers).astype(np.int32)


def test_children_by_hand() -> None:
    members = candidates([[10, 1, 0]], [[20, 1, 2]], [[40, 1, 4]], [[80, 1, 8]])
    made = children(Ordered([2, 0, 3, 1]), members, 0.5, 1.0, whole)
    # 0: 3 + (1 - 2) / 2, 1: 2 + (0 - 3) / 2, 2: 0 + (3 - 1) / 2, 3: 1 + (2 - 0) / 2.
    expected = candidates([[70, 1, 7]], [[5, 1, 0]], [[40, 1, 3]], [[35, 1, 4]])
    np.testing.assert_array_equal(made, expected)
    heavier = children(Ordered([2, 0, 3, 1]), members, 1.0, 1.0, whole)
    np.testing.assert_array_equal(heavier[:, 0, 0], [60, -30, 70, 50])


@pytest.mark.parametrize("crossover", [0.0, 0.4, 1.0])
def test_crossover_keeps_whole_pixels_of_the_parent_but_never_all(crossover: float) -> None:
    members = np.random.default_rng(1).integers(0, 1000, (3000, 5, 4)).astype(np.int32)
    mutants, made = (children(np.random.default_rng(2), members, 0.5, share, whole) for share in (1.0, crossover))
    own = (made == members).all(axis=2)
    np.testing.assert_array_equal(made, np.where(own[..., None], members, mutants))
    # One of the five is the mutant's in any case, the other four with this chance.
    np.testing.assert_allclose((~own).sum(axis=1).mean(), 1 + 4 * crossover, atol=0.05)
    assert own.sum(axis=1).max() <= 4
    np.testing.assert_allclose(own.mean(axis=0), 0.8 * (1 - crossover), atol=0.03)


def test_candidates_are_confined_to_the_nearest() -> None:
    confined = COLOUR.confined(np.array([[[-0.6, 1.4, 4.6, -3.0, 2.6], [2.0, 0.6, 0.4, 3.5, 1.0]]]))
    np.testing.assert_array_equal(confined, [[[0, 1, 4, 0, 3], [1, 1, 0, 4, 1]]])


def test_the_first_candidates_are_uniform_in_place_and_gaussian_in_value() -> None:
    drawn = FewPixels(2, (3, 5, 1), (0.0, 1.0), 255).drawn(np.random.default_rng(0), 20_000).reshape(-1, 3)
    places = np.bincount(drawn[:, 0] * 5 + drawn[:, 1], minlength=15) / len(drawn)
    np.testing.assert_allclose(places, 1 / 15, atol=0.005)
    values = drawn[:, 2]
    # N(128, 127) below 0.5, below 128, above 254.5.
    shares = [(values == 0).mean(), (values < 128).mean(), (values == 255).mean()]
    np.testing.assert_allclose(shares, [0.1577, 0.4984, 0.1596], atol=0.006)


def test_painting_by_hand() -> None:
    clean = np.zeros((2, 2, 3), np.float32)
    painted = COLOUR.painted(clean, candidates([[0, 1, 0, 2, 4], [1, 0, 1, 3, 4]], [[1, 1, 0, 0, 0], [1, 1, 4, 4, 3]]))
    assert not clean.any()
    first = [[[0, 0, 0], [-1, 0, 1]], [[-0.5, 0.5, 1], [0, 0, 0]]]
    second = [[[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [1, 1, 0.5]]]  # both at one place: the later one
    np.testing.assert_array_equal(painted, np.array([first, second], np.float32))


def test_levels_are_those_of_8_bit_images() -> None:
    levels = np.arange(256, dtype=np.int32)
    chosen = np.stack([0 * levels, 0 * levels, levels], axis=1)[:, None]
    painted = FewPixels(1, (1, 1, 1), (-1.0, 1.0), 255).painted(np.zeros((1, 1, 1), np.float32), chosen)
    np.testing.assert_array_equal(painted[:, 0, 0, 0], to_float(levels.astype(np.uint8), (-1.0, 1.0)))


def test_what_the_gradient_foresees_by_hand() -> None:
    clean = np.array([[0.5, 1.0, 0.2], [0.9, 0.0, 0.6]], np.float32)[..., None]
    gradient = np.array([[1.0, 9.0, -2.0], [3.0, -7.0, -1.0]], np.float32)[..., None]
    # Gains: 0.5, 0, 0.4; 0.3, 0, 0.6. The largest gradients have nowhere to go.
    best = candidates([[1, 2, 0]], [[0, 0, 255]], [[0, 2, 0]], [[1, 0, 255]])
    np.testing.assert_array_equal(GREY.seeded(clean, gradient, 4), best)
    pairs = FewPixels(2, (2, 3, 1), (0.0, 1.0), 255).seeded(clean, gradient, 2)
    np.testing.assert_array_equal(pairs, [[[1, 2, 0], [0, 0, 255]], [[1, 2, 0], [0, 2, 0]]])
    assert GREY.seeded(clean, gradient, 20).shape == (20, 1, 3)


def test_channels_of_a_pixel_gain_together() -> None:
    clean = np.zeros((1, 2, 3), np.float32)
    gradient = np.array([[[2, 2, -2], [5, 0, 0]]], np.float32)
    seeds = FewPixels(1, (1, 2, 3), (-1.0, 1.0), 4).seeded(clean, gradient, 2)
    np.testing.assert_array_equal(seeds, [[[0, 0, 4, 4, 0]], [[0, 1, 4, 0, 0]]])


def evolution(seed: int = 0, early_stop: bool = False, portion: int = 7, generations: int = 12) -> Evolution:
    rng = np.random.default_rng(seed)
    space = FewPixels(2, (6, 5, 1), (0.0, 1.0), 9)
    return Evolution(rng, space.drawn(rng, 10), space.confined, 0.5, 0.7, generations, early_stop, portion)


def height_of(asked: Candidates) -> NDArray[np.float64]:
    return -((asked - np.array([[2, 3, 4], [5, 0, 9]])) ** 2).sum(axis=(1, 2)).astype(np.float64)


def follow(
    found: Evolution, wanted: float = np.inf, objective: Callable[[Candidates], NDArray[np.float64]] = height_of
) -> tuple[list[Candidates], list[NDArray[np.float64]]]:
    """Run it; ``wanted`` is enough. What it asked for, and its members' objectives along the way."""
    course, asked, objectives = found.run(), [], []
    part = next(course)
    while True:
        asked.append(part)
        objectives.append(found.objective.copy())
        worth = objective(part)
        try:
            part = course.send((worth, worth >= wanted))
        except StopIteration:
            return asked, [*objectives, found.objective.copy()]


@given(st.integers(0, 10**6))
def test_no_member_gets_worse(seed: int) -> None:
    found = evolution(seed)
    first = height_of(found.members)
    _, objectives = follow(found)
    assert all((after >= before).all() for before, after in pairwise(objectives))
    np.testing.assert_array_equal(found.objective, height_of(found.members))
    assert height_of(found.best[None])[0] == found.objective.max()
    assert found.objective.sum() > first.sum()


def test_the_fitter_of_child_and_parent_stays_in_the_parents_place() -> None:
    found = evolution(generations=1)
    parents = found.members.copy()
    space_rng = np.random.default_rng(0)
    FewPixels(2, (6, 5, 1), (0.0, 1.0), 9).drawn(space_rng, 10)
    made = children(space_rng, parents, 0.5, 0.7, found.confined)
    follow(found)
    kept = height_of(made) >= height_of(parents)
    assert 0 < kept.sum() < 10
    for place in range(10):
        np.testing.assert_array_equal(found.members[place], (made if kept[place] else parents)[place])


def test_a_child_as_good_as_its_parent_takes_its_place() -> None:
    found = evolution(generations=1)
    parents = found.members.copy()
    follow(found, objective=lambda asked: np.zeros(len(asked)))
    assert (found.members != parents).any(axis=(1, 2)).all()


def test_no_candidate_is_asked_for_twice() -> None:
    asked = np.concatenate(follow(evolution(generations=60))[0])
    assert len(np.unique(asked, axis=0)) == len(asked)
    assert len(asked) < 60 * 10


def test_it_ends_when_all_members_are_the_same() -> None:
    found = evolution(generations=10_000)
    follow(found)
    assert (found.members == found.members[0]).all()
    assert found.generation < 1000


@pytest.mark.parametrize("wanted", [-70, -40, -15])
def test_the_first_that_reaches_it_ends_it_whatever_the_portion(wanted: float) -> None:
    whole_way = np.concatenate(follow(evolution(early_stop=False, generations=30))[0])
    expected = whole_way[(height_of(whole_way) >= wanted).argmax()]
    ends = set()
    for portion in (1, 3, 10, 64):
        found = evolution(early_stop=True, portion=portion, generations=30)
        asked, _ = follow(found, wanted)
        assert max(map(len, asked)) <= portion
        np.testing.assert_array_equal(found.best, expected)
        ends.add(found.generation)
    assert len(ends) == 1
    assert ends < set(range(30))


def test_without_early_stop_one_that_reaches_it_is_kept_before_better_ones() -> None:
    found = evolution(generations=0)
    members = found.members
    course = found.run()
    assert len(next(course)) == 7
    course.send((np.arange(7.0), np.arange(7) == 2))
    with pytest.raises(StopIteration):
        course.send((np.arange(3.0) + 50, np.zeros(3, bool)))
    np.testing.assert_array_equal(found.best, members[2])
