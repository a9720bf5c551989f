"""What affine rules cost beside the exact answer."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy.optimize import linprog

import bilevel as bl
from tests.robust.test_followers import retailer
from tests.robust.test_small_cases import stock
from tests.robust.test_transportation import OPTIMUM, transportation


def absolute_values(size: int) -> pyo.ConcreteModel:
    """Min sum y_i, y_i >= |u_i|, ||u||_1 <= 1."""
    m = pyo.ConcreteModel()
    index = range(size)
    m.u = bl.Uncertain(index, within=bl.uncertainty.Budget(0, 1, budget=1))
    m.later = bl.Recourse()
    m.later.y = pyo.Var(index, bounds=(0, None))
    m.later.above = pyo.Constraint(index, rule=lambda b, i: b.y[i] >= m.u[i])
    m.later.below = pyo.Constraint(index, rule=lambda b, i: b.y[i] >= -m.u[i])
    m.cost = pyo.Objective(expr=sum(m.later.y[i] for i in index))
    return m


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_l1_ball_costs_affine_rules_its_dimension(size: int):
    """At u = e_i and u = -e_i the rule needs y_i >= 1, so y_i(0) >= 1 and the sum at u = 0 is n; exact: 1."""
    m = absolute_values(size)
    assert bl.affine_value(m) == pytest.approx(size)
    assert bl.solve(m).objective == pytest.approx(1)


@pytest.mark.parametrize("size", range(2, 11))
def test_the_l1_ball_exactly(size: int):
    """The worst case is 1 for every n; the number of vertices of the ball is 2 n."""
    assert bl.solve(absolute_values(size)).objective == pytest.approx(1, abs=1e-6)


def test_affine_rules_suffice_for_the_transportation_problem():
    assert bl.affine_value(transportation()) == pytest.approx(OPTIMUM, rel=1e-6)


def test_affine_rules_follow_a_game_with_followers_and_a_maximising_leader():
    exact = bl.solve(retailer(0.2)).objective
    affine = bl.affine_value(retailer(0.2))
    assert affine is not None
    assert exact is not None
    assert affine <= exact + 1e-6


def test_without_a_plan_there_is_no_value():
    assert bl.affine_value(stock(most=1)) is None


def test_affine_rules_equal_those_of_another_solver_on_random_instances():
    """Min c'z + max_u b'r, the rule written out at every vertex: it holds there exactly when it holds everywhere.

    z in [0, 4]^2, G r >= u-dependent demand, r >= 0, U = [0, 1]^2.
    """
    draw = np.random.default_rng(4)
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
    for _ in range(6):
        matrix, shift = draw.integers(0, 4, (3, 2)).astype(float) + np.eye(3, 2), draw.integers(-3, 4, (3, 2))
        price, base = draw.integers(1, 5, 2).astype(float), draw.integers(0, 4, 3).astype(float)
        help_ = draw.integers(0, 2, (3, 2)).astype(float)
        m = pyo.ConcreteModel()
        m.z = pyo.Var([0, 1], bounds=(0, 4))
        m.u = bl.Uncertain([0, 1], within=bl.uncertainty.Box(0, 1))
        m.later = bl.Recourse()
        m.later.r = pyo.Var([0, 1], bounds=(0, 50))
        m.later.rows = pyo.ConstraintList()
        for i in range(3):
            given = sum(matrix[i, j] * m.later.r[j] + help_[i, j] * m.z[j] for j in (0, 1))
            m.later.rows.add(given >= base[i] + sum(shift[i, j] * m.u[j] for j in (0, 1)))
        m.cost = pyo.Objective(expr=sum(m.z[j] + price[j] * m.later.r[j] for j in (0, 1)))
        # columns z (2), eta, r0 (2), R (2 x 2)
        above, sides = [], []
        for u in corners:
            rule = np.zeros((2, 9))
            for j in (0, 1):
                rule[j, 3 + j] = 1
                rule[j, 5 + 2 * j : 7 + 2 * j] = u
            above += [*-(matrix @ rule + np.hstack([help_, np.zeros((3, 7))])), *-rule, *rule]
            sides += [*-(base + shift @ u), 0, 0, 50, 50]
            above.append(price @ rule - np.eye(9)[2])
            sides.append(0)
        bounds = [(0, 4), (0, 4), *([(None, None)] * 7)]
        answer = linprog([1, 1, 1, 0, 0, 0, 0, 0, 0], A_ub=np.array(above), b_ub=sides, bounds=bounds)
        value = bl.affine_value(m)
        assert (value is None) == (answer.status == 2)
        if value is not None:
            assert value == pytest.approx(float(answer.fun), abs=1e-6)
            assert bl.solve(m).objective <= value + 1e-6
