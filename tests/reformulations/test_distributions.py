"""Distribution balls: the greedy worst case, its dependence on the radii, and the vertices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from reformulations.sets.distributions import DistributionBall
from reformulations.sets.radii import literature_radii
from reformulations.sets.vertices import TooManyVertices
from reformulations.uncertainty import Polyhedron


def random_ball(seed: int, size: int | None = None) -> DistributionBall:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 9)) if size is None else size
    weights = rng.integers(0, 5, size=size) + (rng.random(size) if seed % 2 else 0)
    weights = weights if weights.sum() > 0 else np.ones(size)
    l1 = [None, 0.0, 2.5, rng.uniform(0, 1)][rng.integers(4)]
    linf = [None, 0.0, 1.5, rng.uniform(0, 0.4)][rng.integers(4)]
    return DistributionBall(weights / weights.sum(), l1, linf)


def program_value(ball: DistributionBall, cost: np.ndarray) -> float:
    """Oracle: max cost @ rho over rho and |rho - reference| <= d, sum d <= l1, d <= linf."""
    size, eye = ball.dimension, np.eye(ball.dimension)
    l1, linf = (2.0 if ball.l1 is None else ball.l1), (1.0 if ball.linf is None else ball.linf)
    answer = linprog(
        np.concatenate([-cost, np.zeros(size)]),
        A_ub=np.vstack([np.hstack([eye, -eye]), np.hstack([-eye, -eye]), np.repeat([0.0, 1.0], size)[None]]),
        b_ub=np.concatenate([ball.reference, -ball.reference, [l1]]),
        A_eq=np.repeat([1.0, 0.0], size)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * size + [(0, linf)] * size,
    )
    assert answer.status == 0
    return -float(answer.fun)


def test_mass_moves_from_the_cheapest_to_the_dearest() -> None:
    """Costs 1, 5, 3 with l1 = 0.4: 0.2 may move, outcome 0 gives 0.2 and outcome 1 receives 0.2.

    With linf = 0.15 outcome 0 gives 0.15 and outcome 2 the other 0.05; outcome 1 receives only 0.15, so 0.15 moves.
    """
    cost = [1.0, 5.0, 3.0]
    assert DistributionBall([0.5, 0.3, 0.2], l1=0.4).worst_case(cost) == pytest.approx([0.3, 0.5, 0.2])
    assert DistributionBall([0.5, 0.3, 0.2], l1=0.4, linf=0.15).worst_case(cost) == pytest.approx([0.35, 0.45, 0.2])


def test_greedy_value_equals_the_linear_program_on_a_thousand_balls() -> None:
    for seed in range(1000):
        ball = random_ball(seed)
        rng = np.random.default_rng([seed, 1])
        cost = rng.integers(-3, 4, size=ball.dimension) + (0.0 if seed % 3 else rng.normal(size=ball.dimension))
        worst = ball.worst_case(cost)
        assert ball.contains(worst, 1e-9), seed
        assert cost @ worst == pytest.approx(program_value(ball, cost), abs=1e-7), seed


@pytest.mark.parametrize("radii", [{"l1": 0.0}, {"linf": 0.0}, {"l1": 0.0, "linf": 0.3}])
def test_radius_zero_leaves_the_reference(radii: dict[str, float]) -> None:
    ball = DistributionBall([0.5, 0.3, 0.2], **radii)
    assert ball.worst_case([1.0, 2.0, 3.0]).tolist() == [0.5, 0.3, 0.2]
    assert ball.vertices(1).tolist() == [[0.5, 0.3, 0.2]]


@pytest.mark.parametrize("radii", [{}, {"l1": 2.0}, {"linf": 1.0}, {"l1": 2.0, "linf": 1.0}])
def test_largest_radius_puts_everything_on_the_worst_scenario(radii: dict[str, float]) -> None:
    ball = DistributionBall([0.5, 0.3, 0.2], **radii)
    assert ball.worst_case([1.0, 3.0, 2.0]) == pytest.approx([0.0, 1.0, 0.0])
    assert ball.support([1.0, 3.0, 2.0]) == pytest.approx(3.0)


def test_equal_costs_leave_the_reference() -> None:
    assert DistributionBall([0.5, 0.3, 0.2], l1=0.5).worst_case([7.0, 7.0, 7.0]).tolist() == [0.5, 0.3, 0.2]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), linf=st.sampled_from([None, 0.05, 0.2]))
def test_value_rises_and_is_concave_in_the_l1_radius(seed: int, linf: float | None) -> None:
    rng = np.random.default_rng(seed)
    reference, cost = rng.dirichlet(np.ones(6)), rng.normal(size=6)
    radii = np.linspace(0.0, 2.2, 23)
    value = np.array([DistributionBall(reference, l1, linf).support(cost) for l1 in radii])
    assert np.all(np.diff(value) >= -1e-12)
    assert np.all(np.diff(value, n=2) <= 1e-12)


def test_ball_of_ten_types_has_252_vertices() -> None:
    """Ten equal types, linf = 0.0029957, l1 = 10 linf: five types up and five down, C(10, 5) = 252."""
    radii = literature_radii(10, 1000, 0.95, 0.95)
    vertices = DistributionBall(np.full(10, 0.1), radii.l1, radii.linf).vertices(252)
    assert len(vertices) == 252
    assert np.abs(np.abs(vertices - 0.1) - radii.linf).max() < 1e-12


@pytest.mark.parametrize("size", [2, 3, 5])
def test_all_distributions_have_one_vertex_an_outcome(size: int) -> None:
    vertices = DistributionBall(np.full(size, 1 / size)).vertices(size)
    assert np.array_equal(np.unique(vertices, axis=0), np.unique(np.eye(size), axis=0))


def test_small_l1_ball_moves_one_mass_between_each_pair() -> None:
    """l1 = 0.1: 0.05 moves from any outcome to any other, 4 * 3 = 12 vertices."""
    vertices = DistributionBall(np.full(4, 0.25), l1=0.1).vertices(12)
    assert len(vertices) == 12
    assert np.sort(vertices - 0.25, axis=1) == pytest.approx(np.tile([-0.05, 0.0, 0.0, 0.05], (12, 1)))


def test_many_vertices_are_refused_before_they_are_made() -> None:
    with pytest.raises(TooManyVertices):
        DistributionBall(np.full(60, 1 / 60), linf=0.01).vertices(2000)


@pytest.mark.parametrize("seed", range(80))
def test_vertices_are_those_of_the_facets(seed: int) -> None:
    """Independent description: one row of the L1 ball for every pattern of signs."""
    ball = random_ball(seed, size=2 + seed % 4)
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=ball.dimension)))
    l1, linf = (2.0 if ball.l1 is None else ball.l1), (1.0 if ball.linf is None else ball.linf)
    facets = Polyhedron(
        sparse.csr_array(np.vstack([np.ones(ball.dimension), signs])),
        np.concatenate([[1.0], np.full(len(signs), -np.inf)]),
        np.concatenate([[1.0], signs @ ball.reference + l1]),
        np.maximum(ball.reference - linf, 0.0),
        ball.reference + linf,
    )
    mine, theirs = ball.vertices(1000), facets.vertices(1000)
    assert len(mine) == len(theirs)
    assert np.max(np.min(np.abs(mine[:, None] - theirs[None]).max(axis=2), axis=1)) < 1e-7


@pytest.mark.parametrize(
    ("reference", "radii", "message"),
    [
        ([0.5, 0.6], {}, "reference sums to 1.1, expected 1"),
        ([1.5, -0.5], {}, r"reference\[1\] is -0.5, expected a probability"),
        ([0.5, 0.5], {"l1": -0.1}, "l1 is -0.1"),
        ([0.5, 0.5], {"linf": np.nan}, "linf is nan"),
        ([[0.5, 0.5]], {}, r"reference has shape \(1, 2\)"),
    ],
)
def test_bad_data_are_refused(reference: object, radii: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DistributionBall(reference, **radii)
