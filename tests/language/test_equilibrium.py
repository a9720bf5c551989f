"""Followers in equilibrium: declared by complementarity conditions, without an objective."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyomo.mpec import Complementarity, complements
from scipy.optimize import linprog

import bilevel as bl
from bilevel.certificate.certify import certify

METHODS = [bl.Branching(), bl.KKT(complementarity=bl.BigM(bounds=1000.0)), "auto"]


def two_roads(across: float = 0.0) -> pyo.ConcreteModel:
    """
    One hundred drivers, cost 10 + toll + w1/10 + across w2 and 15 + w2/10. With both roads used and across = 0,
    w1 = 75 - 5 toll. The leader minimises 3 toll + w1 = 75 - 2 toll: the road is empty at toll 15, worth 45.
    """
    m = pyo.ConcreteModel()
    m.toll = pyo.Var(bounds=(0, 30))
    m.users = bl.Follower()
    flow = m.users.flow = pyo.Var([1, 2])
    m.users.least = pyo.Var()
    m.users.demand = pyo.Constraint(expr=flow[1] + flow[2] == 100)
    cost = {1: 10 + m.toll + flow[1] / 10 + across * flow[2], 2: 15 + flow[2] / 10}
    m.users.choice = Complementarity(
        [1, 2], rule=lambda users, q: complements(users.flow[q] >= 0, cost[q] >= users.least)
    )
    m.aim = pyo.Objective(expr=3 * m.toll + flow[1])
    return m


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_user_equilibrium_answers_a_toll(method: Any) -> None:
    m = two_roads()
    solution = bl.solve(m, method=method)
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.objective == pytest.approx(45, abs=1e-5)
    assert [pyo.value(m.users.flow[q]) for q in (1, 2)] == pytest.approx([0, 100], abs=1e-5)


def test_map_need_not_be_the_gradient_of_anything() -> None:
    """Cost of road 1 also rises by w2/20: 15 + toll + w1/20 = 25 - w1/10, w1 = (200 - 20 toll)/3, empty at toll 10."""
    solution = bl.solve(two_roads(across=0.05))
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(30, abs=1e-5))


def test_pair_that_fails_is_named_by_the_certificate() -> None:
    """At toll 0 the flows 75 and 25 cost 17.5 on both roads; 80 and 20 do not."""
    m = two_roads()
    m.toll.fix(0)
    solution = bl.solve(m)
    point = solution.point.copy()
    game = solution.game
    assert [point[game.column(m.users.flow[q])] for q in (1, 2)] == pytest.approx([75, 25])
    point[game.column(m.users.flow[1])], point[game.column(m.users.flow[2])] = 80.0, 20.0
    failures = " ".join(certify(game.program, point).failures)
    assert "users.choice[1]" in failures
    assert "users.choice[2]" in failures


def test_explanation_says_who_complements_what() -> None:
    shown = str(bl.explain(two_roads()))
    assert "complement" in shown
    assert "hint" not in shown


@pytest.mark.parametrize(
    ("leader", "expected"), [(1.0, 3.0), (4.0, 4.0), (9.0, 5.0)], ids=["lower bound", "between", "upper bound"]
)
def test_variable_between_two_bounds_complements_a_free_expression(leader: float, expected: float) -> None:
    """3 <= v <= 5 _|_ v - x: v is x, cut to the range."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(leader, leader))
    m.f = bl.Follower()
    m.f.v = pyo.Var(bounds=(3, 5))
    m.f.pair = Complementarity(expr=complements(pyo.inequality(3, m.f.v, 5), m.f.v - m.x))
    m.aim = pyo.Objective(expr=m.x + m.f.v)
    bl.solve(m)
    assert pyo.value(m.f.v) == pytest.approx(expected)


@pytest.mark.parametrize(
    "side", [lambda m: m.x - m.f.v >= 0, lambda m: m.f.v - m.x <= 0], ids=["from below", "from above"]
)
@pytest.mark.parametrize(("leader", "expected"), [(1.0, 1.0), (9.0, 5.0)])
def test_upper_bound_complements_an_inequality(leader: float, expected: float, side: Callable[[Any], Any]) -> None:
    """v <= 5 _|_ v <= x: v is the smaller of the two."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(leader, leader))
    m.f = bl.Follower()
    m.f.v = pyo.Var()
    m.f.pair = Complementarity(expr=complements(m.f.v <= 5, side(m)))
    m.aim = pyo.Objective(expr=m.x + m.f.v)
    bl.solve(m)
    assert pyo.value(m.f.v) == pytest.approx(expected)


def linear_complementarity(matrix: np.ndarray, offset: np.ndarray, cost: np.ndarray) -> pyo.ConcreteModel:
    """Leader min c'v over the solutions of 0 <= v _|_ M v + q >= 0."""
    n = len(offset)
    m = pyo.ConcreteModel()
    m.idle = pyo.Var(bounds=(0, 0))
    m.f = bl.Follower()
    m.f.v = pyo.Var(range(n))
    m.f.pair = Complementarity(
        range(n),
        rule=lambda f, i: complements(
            f.v[i] >= 0, sum(float(matrix[i, j]) * f.v[j] for j in range(n)) + float(offset[i]) >= 0
        ),
    )
    m.aim = pyo.Objective(expr=sum(float(cost[i]) * m.f.v[i] for i in range(n)) + m.idle)
    return m


def best_by_patterns(matrix: np.ndarray, offset: np.ndarray, cost: np.ndarray) -> float:
    """Enumerate which side of each pair is zero."""
    n, best = len(offset), np.inf
    for pattern in np.ndindex(*[2] * n):
        zero = np.array(pattern, bool)  # where true, v is zero, else M v + q is
        found = linprog(
            cost,
            A_ub=-matrix,
            b_ub=offset,
            A_eq=matrix[~zero] if (~zero).any() else None,
            b_eq=-offset[~zero] if (~zero).any() else None,
            bounds=[(0, 0) if fixed else (0, None) for fixed in zero],
        )
        best = min(best, found.fun) if found.status == 0 else best
    return best


small = st.integers(-3, 3)


@settings(max_examples=25)
@given(st.data())
def test_leader_gets_the_best_equilibrium_of_any_map(data: st.DataObject) -> None:
    """Diagonals from 1 up, everything else of any sign; checked against all patterns of zeros."""
    n = 3
    matrix = np.array([[data.draw(small) for _ in range(n)] for _ in range(n)], float)
    np.fill_diagonal(matrix, [data.draw(st.integers(1, 4)) for _ in range(n)])
    offset, cost = np.array([[data.draw(small) for _ in range(n)] for _ in range(2)], float)
    cost = np.abs(cost) + 1
    expected = best_by_patterns(matrix, offset, cost)
    solution = bl.solve(linear_complementarity(matrix, offset, cost), method=bl.Branching(), solver="highs")
    if np.isinf(expected):
        assert solution.status == "infeasible"
    else:
        assert solution.objective == pytest.approx(expected, abs=1e-5)


def with_objective(m: pyo.ConcreteModel) -> None:
    m.users.bill = pyo.Objective(expr=m.users.flow[1])


def with_inequality(m: pyo.ConcreteModel) -> None:
    m.users.room = pyo.Constraint(expr=m.users.flow[1] <= 60)


def with_free_variable(m: pyo.ConcreteModel) -> None:
    m.users.idle = pyo.Var()


def with_bounded_variable(m: pyo.ConcreteModel) -> None:
    m.users.least.setlb(0)


def with_other_bounds(m: pyo.ConcreteModel) -> None:
    m.users.flow[1].setub(60)


def with_second_pair(m: pyo.ConcreteModel) -> None:
    m.users.again = Complementarity(expr=complements(m.users.flow[1] >= 0, m.users.flow[2] + m.toll >= 3))


def with_equation(m: pyo.ConcreteModel) -> None:
    m.users.odd = Complementarity(expr=complements(m.users.flow[1] >= 0, m.users.least == 3))


def with_one_side(m: pyo.ConcreteModel) -> None:
    m.users.odd = Complementarity(expr=complements(m.users.flow[1] >= 0, m.users.least + 0 * m.toll))


def with_product(m: pyo.ConcreteModel) -> None:
    m.users.more = pyo.Var()
    m.users.odd = Complementarity(expr=complements(m.users.more >= 0, m.users.least * m.toll >= 3))


def with_falling_expression(m: pyo.ConcreteModel) -> None:
    m.users.more = pyo.Var()
    m.users.odd = Complementarity(expr=complements(m.users.more >= 0, m.toll - m.users.more >= 3))


WRONG: dict[Callable[[pyo.ConcreteModel], None], str] = {
    with_objective: r"users\.bill: users has complementarity conditions",
    with_inequality: r"users\.room: an inequality of an equilibrium belongs to a pair",
    with_free_variable: r"users: its equilibrium has 2 variables without a pair and 1 equations",
    with_bounded_variable: r"users\.least: it has bounds but no pair in users",
    with_other_bounds: r"users\.flow\[1\]: its bounds .* are not those of its pair users\.choice\[1\]",
    with_second_pair: r"users\.again: neither side is a bound of a variable",
    with_equation: r"users\.odd: a side of a pair is an inequality",
    with_one_side: r"users\.odd: a pair has two finite sides",
    with_falling_expression: r"users\.odd: its expression falls in users\.more, its own variable",
    with_product: r"users\.odd: its expression is not affine",
}


@pytest.mark.parametrize("spoil", WRONG, ids=lambda spoil: spoil.__name__)
def test_what_is_no_equilibrium_is_refused_by_name(spoil: Callable[[pyo.ConcreteModel], None]) -> None:
    m = two_roads()
    spoil(m)
    with pytest.raises(bl.BilevelError, match=WRONG[spoil]):
        bl.solve(m)
