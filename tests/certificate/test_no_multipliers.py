"""Followers whose optimum has no multipliers: asked for one, a solution says so."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.solvers import scip


def two_firms(*, whole: bool) -> pyo.ConcreteModel:
    """Minimise x - 3 y - z, 0 <= x <= 2: firm and plant take the most, y <= x and z <= x, at x = 2.

    The plant is an integer follower, or one that minimises -z**2. One more at the right of the firm's row is worth 1
    to it. To the integer plant x = 2.1 is worth nothing and x = 1.9 costs 1: there is no derivative.
    """
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 2))
    m.firm, m.plant = bl.Follower(), bl.Follower()
    m.firm.y = pyo.Var(bounds=(0, 3))
    m.firm.row = pyo.Constraint(expr=m.firm.y <= m.x)
    m.firm.gain = pyo.Objective(expr=m.firm.y, sense=pyo.maximize)
    m.plant.z = pyo.Var(bounds=(0, 3), domain=pyo.Integers if whole else pyo.Reals)
    m.plant.row = pyo.Constraint(expr=m.plant.z <= m.x)
    m.plant.gain = pyo.Objective(expr=m.plant.z if whole else m.plant.z**2, sense=pyo.maximize)
    m.cost = pyo.Objective(expr=m.x - 3 * m.firm.y - m.plant.z)
    return m


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("integer", r"follower plant decides plant\.z, an integer variable"),
        pytest.param(
            "not convex",
            "follower plant is not convex",
            marks=pytest.mark.skipif(not scip.is_installed(), reason="solved by SCIP"),
        ),
    ],
)
def test_multipliers_that_are_none_are_refused_and_left_out(kind: str, why: str):
    m = two_firms(whole=kind == "integer")
    solution = bl.solve(m)
    assert solution.objective == pytest.approx(-6)
    assert solution.multiplier(m.firm.row) == pytest.approx(1)
    for ask in (solution.multiplier, solution.multiplier_range, solution.multipliers):
        for component in (m.plant.row, m.plant.z):
            with pytest.raises(bl.NotApplicable, match=rf"plant\.(row|z): {why}"):
                ask(component)
    assert [line.name for line in solution.multipliers().lines] == ["firm.row"]
    m.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)
    pyo.SolverFactory("bilevel").solve(m)
    assert [row.name for row in m.dual] == ["firm.row"]


def test_the_value_of_an_expression_is_asked_of_its_variables():
    m = two_firms(whole=True)
    with pytest.raises(bl.InvalidGame, match=r"x \+ 2\*firm\.y: it is no variable"):
        bl.solve(m).value(m.x + 2 * m.firm.y)
