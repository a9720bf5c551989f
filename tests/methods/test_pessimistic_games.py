"""Pessimistic games through ``bl.solve``: worked examples, and random games against lexicographic evaluation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import bilevel as bl


def zeng() -> pyo.ConcreteModel:
    """Zeng (2020), example 1: optimistic -252 at (0, 2), pessimistic -80 at (10, 0)."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
    m.total = pyo.Constraint(expr=m.x[1] + m.x[2] <= 10)

    @m.Follower()
    def f(f):
        f.y = pyo.Var([1, 2, 3, 4], domain=pyo.NonNegativeReals)
        f.left = pyo.Constraint(expr=sum(f.y[i] for i in f.y) <= 10 - m.x[1] - m.x[2])
        f.lift = pyo.Constraint(expr=-f.y[1] + f.y[4] <= 0.8 * m.x[1] + 0.8 * m.x[2])
        f.cap = pyo.Constraint(expr=f.y[2] + f.y[4] <= 4 * m.x[2])
        f.cost = pyo.Objective(expr=-10 * sum(f.y[i] for i in f.y))

    m.cost = pyo.Objective(expr=-8 * m.x[1] - 6 * m.x[2] - 25 * m.f.y[1] - 30 * m.f.y[2] + 2 * m.f.y[3] + 16 * m.f.y[4])
    return m


@pytest.mark.parametrize(("pessimistic", "value", "decision"), [(False, -252, (0, 2)), (True, -80, (10, 0))])
def test_zeng_differs_by_the_way_ties_are_broken(
    pessimistic: object, value: float, decision: tuple[float, float]
) -> None:
    m = zeng()
    solution = bl.solve(m, pessimistic=bool(pessimistic), threads=1)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(value, rel=1e-6)
    assert [pyo.value(m.x[1]), pyo.value(m.x[2])] == pytest.approx(decision, abs=1e-6)


def test_a_coupling_row_must_hold_for_every_optimal_response() -> None:
    """max x with y indifferent in [0, 1 + x], row y <= 1.5: optimistic x = 2, pessimistic x = 0.5."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 2))

    @m.Follower()
    def f(f):
        f.y = pyo.Var(bounds=(0, 5))
        f.cap = pyo.Constraint(expr=f.y <= 1 + m.x)
        f.nothing = pyo.Objective(expr=0 * f.y)

    m.limit = pyo.Constraint(expr=m.f.y <= 1.5)
    m.goal = pyo.Objective(expr=m.x, sense=pyo.maximize)
    assert bl.solve(m, threads=1).objective == pytest.approx(2)
    assert bl.solve(m, pessimistic=True, threads=1).objective == pytest.approx(0.5)


def test_price_games_are_refused_by_name() -> None:
    m = pyo.ConcreteModel()
    m.price = pyo.Var(bounds=(0, 1))

    @m.Follower()
    def f(f):
        f.y = pyo.Var(bounds=(0, 5))
        f.bill = pyo.Objective(expr=(m.price - 0.5) * f.y)

    m.goal = pyo.Objective(expr=m.price * m.f.y, sense=pyo.maximize)
    with pytest.raises(bl.NotApplicable, match=r"f: its objective has the product"):
        bl.solve(m, pessimistic=True)


coefficients = st.integers(-3, 3)


@settings(max_examples=3 * settings.default.max_examples // 5)
@given(st.data())
def test_value_equals_lexicographic_evaluation(data: st.DataObject) -> None:
    """Two binaries of the leader are enumerated; the follower's value, then the leader's worst, by linprog."""
    rows = np.array(data.draw(st.lists(st.lists(coefficients, min_size=3, max_size=3), min_size=2, max_size=2)))
    moved = np.array(data.draw(st.lists(st.lists(coefficients, min_size=2, max_size=2), min_size=2, max_size=2)))
    right = np.array(data.draw(st.lists(st.integers(4, 9), min_size=2, max_size=2)))
    # repeated costs make ties common
    cost = np.array(data.draw(st.lists(st.sampled_from([-1, 0, 0, 1]), min_size=3, max_size=3)))
    leader = np.array(data.draw(st.lists(coefficients, min_size=3, max_size=3)))
    own = np.array(data.draw(st.lists(coefficients, min_size=2, max_size=2)))
    values = []
    for x in product([0, 1], repeat=2):
        limit = right - moved @ x
        best = linprog(cost, rows, limit, bounds=(0, 2))
        if best.status:
            continue
        face = np.vstack([rows, cost]), np.append(limit, best.fun + 1e-9)
        worst = linprog(-leader, *face, bounds=(0, 2))
        values.append(own @ x - worst.fun)
    m = pyo.ConcreteModel()
    m.x = pyo.Var([0, 1], domain=pyo.Binary)

    @m.Follower()
    def f(f):
        f.y = pyo.Var([0, 1, 2], bounds=(0, 2))
        f.row = pyo.Constraint(
            [0, 1],
            rule=lambda f, i: (
                sum(int(rows[i, j]) * f.y[j] for j in f.y) + sum(int(moved[i, j]) * m.x[j] for j in m.x) + 0 * f.y[0]
                <= int(right[i])
            ),
        )
        f.cost = pyo.Objective(expr=sum(int(cost[j]) * f.y[j] for j in f.y))

    m.goal = pyo.Objective(expr=sum(int(own[j]) * m.x[j] for j in m.x) + sum(int(leader[j]) * m.f.y[j] for j in m.f.y))
    solution = bl.solve(m, pessimistic=True, threads=1)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(min(values), rel=1e-6, abs=1e-6)
