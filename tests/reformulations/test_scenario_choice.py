"""Points of a set at which a plan is tried."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from scipy import sparse

from reformulations.robust.scenario_choice import distinct, extreme_points, farthest, mixtures, near
from reformulations.sets.budget import Budget
from reformulations.sets.distributions import DistributionBall
from reformulations.sets.linear_sets import LinearSet
from reformulations.uncertainty import Box, UncertaintySet

SETS = [
    Box(np.zeros(3), np.array([1.0, 2.0, 3.0])),
    Budget(np.full(20, 5.0), np.full(20, 2.0), 3.5),
    DistributionBall(np.array([0.5, 0.3, 0.2]), 0.4, 0.15),
]


@pytest.mark.parametrize("within", SETS)
def test_extreme_points_and_their_mixtures_are_points_of_the_set(within: UncertaintySet) -> None:
    corners = list(extreme_points(within.polyhedral(), 40))
    assert len(corners) == 40
    inside = [*mixtures(corners, 20), *near(corners[0], corners)]
    assert len(inside) == 60
    assert all(within.contains(u, 1e-7) for u in [*corners, *inside])


@pytest.mark.parametrize("within", SETS)
def test_the_same_set_gives_the_same_points(within: UncertaintySet) -> None:
    once, again = (np.array(list(extreme_points(within.polyhedral(), 40))) for _ in range(2))
    assert np.array_equal(once, again)


def test_both_ends_of_each_axis_are_among_the_extreme_points() -> None:
    within = SETS[0]
    corners = np.array(list(extreme_points(within.polyhedral(), 8)))
    assert corners.min(axis=0) == pytest.approx(0)
    assert corners.max(axis=0) == pytest.approx([1, 2, 3])


def test_points_come_one_by_one_and_once() -> None:
    square = [np.array(point, float) for point in ((0, 0), (0, 1), (0, 1e-12), (1, 0))]
    assert len(list(distinct(square))) == 3
    assert len(list(distinct(square, [np.zeros(2)]))) == 2
    assert len(list(islice(mixtures(square, 5), 2))) == 2


def test_a_mixture_of_one_point_is_that_point() -> None:
    assert [u.tolist() for u in mixtures([np.array([2.0])], 3)] == [[2.0]] * 3


def test_nothing_is_farthest_where_nothing_is_in_the_set() -> None:
    empty = LinearSet(sparse.csr_array([[1.0]]), np.array([2.0]), np.array([3.0]), np.zeros(1), np.ones(1), 1)
    assert farthest(empty, np.ones(1)) is None
    assert list(extreme_points(empty, 3)) == []
