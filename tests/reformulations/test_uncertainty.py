"""What every uncertainty set promises, and boxes, budgets, scenarios and polyhedra one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from reformulations.sets.budget import Budget
from reformulations.sets.distributions import DistributionBall
from reformulations.sets.linear_sets import LinearSet
from reformulations.sets.vertices import TooManyVertices
from reformulations.uncertainty import Box, Polyhedron, Scenarios, UncertaintySet

INF = np.inf


def polyhedron(matrix: object, upper: list[float], low: list[float], high: list[float]) -> Polyhedron:
    """``{u: matrix @ u <= upper, low <= u <= high}``."""
    return Polyhedron(sparse.csr_array(np.array(matrix, dtype=float)), [-INF] * len(upper), upper, low, high)


SETS: dict[str, UncertaintySet] = {
    "box": Box([-1.0, 2.0, 0.5], [1.0, 2.0, 4.0]),
    "budget whole": Budget([10.0, 20.0, 30.0], [1.0, 2.0, 3.0], 2),
    "budget fractional": Budget([10.0, 20.0, 30.0, 0.0], [1.0, -2.0, 0.0, 3.0], 1.3),
    "budget one-sided": Budget([10.0, 20.0, 30.0], [1.0, -2.0, 3.0], 1.5, one_sided=True),
    "budget beyond all": Budget([1.0, 1.0], [0.5, 0.25], INF),
    "budget zero": Budget([1.0, 1.0], [0.5, 0.25], 0),
    "budget without deviation": Budget([1.0, 1.0], [0.0, 0.0], 1),
    "scenarios": Scenarios([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0], [0.0, 1.0]]),
    "fractional polyhedron": polyhedron([[1, 1, 1], [1, 1, 0]], [1.8, 1.2], [0, 0, 0], [1, 1, 1]),
    "free columns": polyhedron([[1, 1], [-1, 1], [1, -1], [-1, -1]], [1, 1, 1, 1], [-INF, -INF], [INF, INF]),
    "transport": Polyhedron(
        sparse.csr_array(np.array([[1.0, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0], [0, 1, 0, 1]])),
        [3.0, 2.0, 4.0, 1.0],
        [3.0, 2.0, 4.0, 1.0],
        [0.0] * 4,
        [INF] * 4,
    ),
    "ball": DistributionBall([0.1, 0.2, 0.3, 0.4], l1=0.3, linf=0.12),
    "l1 ball": DistributionBall([0.0, 0.2, 0.3, 0.5], l1=0.5),
    "linf ball": DistributionBall([0.05, 0.25, 0.3, 0.4], linf=0.1),
    "all distributions": DistributionBall([0.5, 0.25, 0.25]),
}


@pytest.fixture(params=SETS, ids=str)
def any_set(request: pytest.FixtureRequest) -> UncertaintySet:
    return SETS[request.param]


def some_costs(size: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.vstack([rng.normal(size=(25, size)), rng.integers(-1, 2, size=(15, size)), np.zeros((1, size))])


def lifted_support(description: LinearSet, cost: np.ndarray) -> float:
    """Oracle: a linear program over the rows of the description, written out here."""
    matrix = description.matrix.toarray()
    sides = np.concatenate([description.upper, -description.lower])
    present = np.isfinite(sides)
    padded = np.concatenate([cost, np.zeros(matrix.shape[1] - len(cost))])
    bounds = np.stack([description.column_lower, description.column_upper], axis=1)
    answer = linprog(-padded, A_ub=np.vstack([matrix, -matrix])[present], b_ub=sides[present], bounds=bounds)
    assert answer.status == 0
    return -float(answer.fun)


def test_nominal_point_lies_in_the_set(any_set: UncertaintySet) -> None:
    assert any_set.nominal().shape == (any_set.dimension,)
    assert any_set.contains(any_set.nominal(), 1e-8)


def test_worst_case_lies_in_the_set_and_attains_the_support(any_set: UncertaintySet) -> None:
    for cost in some_costs(any_set.dimension):
        worst = any_set.worst_case(cost)
        assert any_set.contains(worst, 1e-8)
        assert any_set.support(cost) == pytest.approx(cost @ worst, abs=1e-9)


def test_support_is_the_maximum_over_the_vertices(any_set: UncertaintySet) -> None:
    vertices = any_set.vertices(1000)
    for cost in some_costs(any_set.dimension):
        assert any_set.support(cost) == pytest.approx(np.max(vertices @ cost), abs=1e-8)


def test_linear_description_has_the_same_support(any_set: UncertaintySet) -> None:
    description = any_set.polyhedral()
    for cost in some_costs(any_set.dimension):
        assert lifted_support(description, cost) == pytest.approx(any_set.support(cost), abs=1e-7)


def test_every_vertex_lies_in_the_set_and_stands_once(any_set: UncertaintySet) -> None:
    vertices = any_set.vertices(1000)
    assert all(any_set.contains(vertex, 1e-8) for vertex in vertices)
    assert len(np.unique(np.round(vertices, 7), axis=0)) == len(vertices)


@pytest.mark.parametrize("name", [name for name in SETS if name != "scenarios"])
def test_no_vertex_of_a_convex_set_is_a_mixture_of_the_others(name: str) -> None:
    vertices = SETS[name].vertices(1000)
    for k, vertex in enumerate(vertices):
        others = np.delete(vertices, k, axis=0)
        if len(others):
            rows = np.vstack([others.T, np.ones(len(others))])
            assert linprog(np.zeros(len(others)), A_eq=rows, b_eq=np.append(vertex, 1.0)).status == 2


def test_as_many_vertices_as_the_limit_pass_and_one_more_does_not(any_set: UncertaintySet) -> None:
    count = len(any_set.vertices(1000))
    assert len(any_set.vertices(count)) == count
    with pytest.raises(TooManyVertices, match=f"more than {count - 1} vertices") as caught:
        any_set.vertices(count - 1)
    assert caught.value.limit == count - 1


def test_point_outside_is_not_contained(any_set: UncertaintySet) -> None:
    cost = np.arange(1.0, any_set.dimension + 1)
    assert not any_set.contains(any_set.worst_case(cost) + 1e-3 * cost, 1e-6)


def test_cost_of_another_length_or_not_finite_is_refused(any_set: UncertaintySet) -> None:
    with pytest.raises(ValueError, match="cost has shape"):
        any_set.worst_case(np.ones(any_set.dimension + 1))
    with pytest.raises(ValueError, match=r"cost\[0\] is nan"):
        any_set.support(np.full(any_set.dimension, np.nan))


def test_data_are_copied_and_read_only() -> None:
    low = np.zeros(2)
    box = Box(low, np.ones(2))
    low[0] = 0.5
    assert box.low[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        box.low[0] = 0.5


def test_budget_spends_its_fraction_on_the_third_largest_gain() -> None:
    """Gains |cost * deviation| are 4, 6, 1, 5; budget 2.5: columns 1 and 3 in full, column 0 by half.

    u = (10 + 0.5*4, 10 - 3, 10, 10 + 5) and the rise is 2 + 6 + 5 = 13.
    """
    uncertain = Budget([10.0] * 4, [4.0, 3.0, 1.0, 5.0], 2.5)
    cost = np.array([1.0, -2.0, 1.0, 1.0])
    assert uncertain.worst_case(cost) == pytest.approx([12.0, 7.0, 10.0, 15.0])
    assert uncertain.support(cost) - cost @ uncertain.nominal() == pytest.approx(13.0)


def test_one_sided_budget_ignores_what_would_lower_the_cost() -> None:
    """Only column 1 gains: demand there falls from 10 to 7 where its price is negative."""
    uncertain = Budget([10.0, 10.0], [4.0, -3.0], 2, one_sided=True)
    assert uncertain.worst_case([-1.0, -1.0]) == pytest.approx([10.0, 7.0])


@pytest.mark.parametrize(
    ("budget", "one_sided", "count"),
    [(1, False, 6), (2, False, 12), (3, False, 8), (0.5, False, 6), (1.5, False, 24), (1, True, 4), (1.5, True, 10)],
)
def test_number_of_vertices_of_a_budget_of_three(*, budget: float, one_sided: bool, count: int) -> None:
    """Cross-polytope 6; cuboctahedron 12; cube 8; shrunk cross-polytope 6; 3*2 choices of signs 4 = 24.

    One-sided 1: origin and three units. One-sided 1.5: origin, three units, six of (1, 0.5, 0).
    """
    assert len(Budget(np.zeros(3), np.ones(3), budget, one_sided).vertices(100)) == count


@settings(derandomize=True, deadline=None, max_examples=40)
@given(budget=st.integers(0, 12).map(lambda k: k / 4), one_sided=st.booleans(), seed=st.integers(0, 10**6))
def test_budget_has_the_vertices_of_its_facets(*, budget: float, one_sided: bool, seed: int) -> None:
    """Independent description: one row for every pattern of signs of g."""
    rng = np.random.default_rng(seed)
    nominal, deviation = rng.normal(size=3), rng.uniform(0.5, 2.0, size=3)
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=3))) / deviation
    low = nominal if one_sided else nominal - deviation
    facets = polyhedron(signs, list(budget + signs @ nominal), list(low), list(nominal + deviation))
    mine, theirs = Budget(nominal, deviation, budget, one_sided).vertices(100), facets.vertices(100)
    assert len(mine) == len(theirs)
    assert np.max(np.min(np.abs(mine[:, None] - theirs[None]).max(axis=2), axis=1)) < 1e-7


def test_box_with_a_fixed_column_has_four_corners() -> None:
    assert len(SETS["box"].vertices(4)) == 4


def test_most_probable_scenario_is_nominal() -> None:
    assert Scenarios([[1.0], [2.0], [3.0]], [0.2, 0.5, 0.3]).nominal() == pytest.approx([2.0])


def test_scenarios_hold_their_points_and_not_the_mixtures() -> None:
    uncertain = Scenarios([[0.0], [1.0]])
    assert uncertain.contains([1.0])
    assert not uncertain.contains([0.5])


def test_scenarios_between_others_stay_and_repeated_ones_go() -> None:
    assert Scenarios([[0.0], [1.0], [0.5], [1.0]]).vertices(3).tolist() == [[0.0], [0.5], [1.0]]


def test_polyhedron_bounded_by_its_rows_alone_is_accepted() -> None:
    assert SETS["free columns"].support([1.0, 0.0]) == pytest.approx(1.0)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6))
def test_polyhedral_support_equals_a_linear_program_at_every_scale(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-3, 4, size=3)
    matrix = rng.integers(-3, 4, size=(4, 3)) / scale
    uncertain = polyhedron(matrix, list(rng.uniform(0.1, 3.0, size=4)), list(-scale), list(scale))
    cost = rng.normal(size=3) / scale
    assert uncertain.support(cost) == pytest.approx(lifted_support(uncertain.polyhedral(), cost), abs=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Box([0.0, 1.0], [1.0, 0.5]), "column 1 of the set has its lower side 1 above its upper side 0.5"),
        (lambda: Box([0.0, -INF], [1.0, 0.5]), r"low\[1\] is -inf"),
        (lambda: Box([0.0], [1.0, 2.0]), "low has 1 entries, but high has 2"),
        (lambda: Budget([0.0], [np.nan], 1), r"deviation\[0\] is nan"),
        (lambda: Budget([0.0], [1.0], -1), "budget is -1"),
        (lambda: Budget([0.0], [1.0], np.nan), "budget is nan"),
        (lambda: Scenarios([]), "points has shape"),
        (lambda: Scenarios([[1.0], [np.nan]]), r"points\[1, 0\] is nan"),
        (lambda: Scenarios([[1.0], [2.0]], [0.5, 0.6]), "probability sums to 1.1, expected 1"),
        (lambda: Scenarios([[1.0], [2.0]], [1.0]), "points has 2 entries, but probability has 1"),
        (lambda: polyhedron([[1.0, 1.0]], [-1.0], [0, 0], [1, 1]), "the set is empty"),
        (lambda: polyhedron([[1.0, -1.0]], [1.0], [0, 0], [INF, INF]), "column 0 of the polyhedron has no upper bound"),
        (lambda: polyhedron([[1.0, 1.0]], [1.0], [0, -INF], [1, 1]), "column 1 of the polyhedron has no lower bound"),
        (lambda: polyhedron([[1.0, np.nan]], [1.0], [0, 0], [1, 1]), "not finite"),
        (lambda: polyhedron([1.0, 1.0], [1.0], [0, 0], [1, 1]), r"matrix of the polyhedron has shape \(2,\)"),
        (lambda: polyhedron([[1.0, 1.0]], [1.0, 2.0], [0, 0], [1, 1]), "lower of the polyhedron: expected 1 numbers"),
        (lambda: Polyhedron(sparse.csr_array([[1.0]]), [2.0], [1.0], [0.0], [5.0]), "row 0 of the set"),
    ],
)
def test_bad_data_are_refused_with_what_and_where(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]
