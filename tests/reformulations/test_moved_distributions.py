"""Wasserstein balls and the distributions of the conditional value at risk, against linear programs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from reformulations.sets.cvar import CVaR
from reformulations.sets.distributions import DistributionBall
from reformulations.sets.vertices import TooManyVertices
from reformulations.sets.wasserstein import Wasserstein


def random_ball(seed: int) -> tuple[Wasserstein, np.ndarray]:
    draw = np.random.default_rng(seed)
    size = int(draw.integers(2, 7))
    where = draw.integers(0, 6, size=(size, 2)).astype(float)
    distance = np.abs(where[:, None] - where[None]).sum(axis=2)
    reference = draw.dirichlet(np.ones(size))
    return Wasserstein(reference, distance, float(draw.choice([0.0, 0.3, 1.0, 4.0]))), draw.integers(-5, 6, size)


def test_mass_moves_where_it_gains_most_for_each_unit_of_distance():
    """Outcomes at 0, 1, 3 with costs 0, 1, 2 and all mass at 0: gain 1 a unit to 1, then 1/2 a unit from 1 to 3.

    Radius 2: all mass to 1 (spends 1), then half of it on to 3 (spends 1): cost 1.5.
    """
    where = np.array([0.0, 1.0, 3.0])
    ball = Wasserstein(np.array([1.0, 0, 0]), np.abs(where[:, None] - where), 2.0)
    assert ball.worst_case([0, 1, 2]) == pytest.approx([0, 0.5, 0.5])
    assert ball.support([0, 1, 2]) == pytest.approx(1.5)


def test_the_greedy_worst_case_equals_the_transport_program():
    for seed in range(200):
        ball, cost = random_ball(seed)
        z = ball.polyhedral().maximiser(cost)
        assert ball.support(cost) == pytest.approx(float(cost @ z[: ball.dimension]), abs=1e-7)
        assert ball.contains(ball.worst_case(cost), 1e-7)


def test_distance_one_between_all_outcomes_is_half_the_l1_distance():
    draw = np.random.default_rng(3)
    for _ in range(20):
        reference, cost = draw.dirichlet(np.ones(5)), draw.normal(size=5)
        moved = Wasserstein(reference, 1 - np.eye(5), 0.2)
        assert moved.support(cost) == pytest.approx(DistributionBall(reference, l1=0.4).support(cost))


def test_vertices_of_a_wasserstein_ball_have_its_support_function():
    ball = Wasserstein(np.array([0.5, 0.3, 0.2]), np.abs(np.subtract.outer([0.0, 1, 3], [0.0, 1, 3])), 0.4)
    corners = ball.vertices(500)
    for cost in itertools.product([-1.0, 0.5, 2.0], repeat=3):
        assert np.max(corners @ np.array(cost)) == pytest.approx(ball.support(cost))
    with pytest.raises(TooManyVertices):
        ball.vertices(2)


def test_points_outside_a_wasserstein_ball_are_told():
    ball = Wasserstein(np.array([0.5, 0.5]), np.array([[0.0, 2], [2, 0]]), 0.4)
    assert ball.contains([0.3, 0.7])
    assert not ball.contains([0.2, 0.8])
    assert not ball.contains([0.3, 0.6])


def test_the_mean_of_the_worst_tenth():
    """20 equally likely costs 1..20: the worst tenth is 19 and 20, mean 19.5; 15 %: (18 + 19 + 20) / 3 = 19."""
    cost, reference = np.arange(1.0, 21), np.full(20, 0.05)
    assert CVaR(reference, 0.1).support(cost) == pytest.approx(19.5)
    assert CVaR(reference, 0.15).support(cost) == pytest.approx(19)
    assert CVaR(reference, 1.0).support(cost) == pytest.approx(10.5)
    assert CVaR(reference, 0.01).support(cost) == pytest.approx(20)


def test_the_tail_mean_equals_its_program_and_its_vertices():
    draw = np.random.default_rng(5)
    for _ in range(50):
        tails = CVaR(draw.dirichlet(np.ones(4)), float(draw.choice([0.2, 0.5, 1.0])))
        cost = draw.normal(size=4)
        assert float(cost @ tails.polyhedral().maximiser(cost)) == pytest.approx(tails.support(cost))
        assert np.max(tails.vertices(100) @ cost) == pytest.approx(tails.support(cost))
        assert tails.contains(tails.worst_case(cost))
        assert tails.contains(tails.nominal())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CVaR(np.array([0.5, 0.5]), 0.0), "tail is 0.0"),
        (lambda: Wasserstein(np.array([0.5, 0.5]), np.zeros((2, 3)), 1.0), "distance has shape"),
        (lambda: Wasserstein(np.array([0.5, 0.5]), np.ones((2, 2)), 1.0), "zeros on its diagonal"),
        (lambda: Wasserstein(np.array([0.5, 0.5]), np.zeros((2, 2)), -1.0), "radius is -1.0"),
    ],
)
def test_bad_data_are_refused(make: object, message: str):
    with pytest.raises(ValueError, match=message):
        make()
