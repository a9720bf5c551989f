"""Disjunctions count once Pyomo's own transformations have made rows of them, and belong to who declares them."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest
from pyomo.gdp import Disjunct, Disjunction

import bilevel as bl
from bilevel.language.read import read

TRANSFORMATIONS = ["gdp.bigm", "gdp.hull"]


def near(m: pyo.ConcreteModel) -> None:
    """Add the follower that takes the y in [0, 4] nearest to x."""
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 4))
    m.f.distance = pyo.Var(bounds=(0, 4))
    m.f.above = pyo.Constraint(expr=m.f.distance >= m.f.y - m.x)
    m.f.below = pyo.Constraint(expr=m.f.distance >= m.x - m.f.y)
    m.f.goal = pyo.Objective(expr=m.f.distance)


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_a_leader_that_chooses_between_two_ranges(transformation: str):
    """x in [0, 1] or, where x is 3 or 3.5, above; y = x: 1.5 (3 - y) + |x - 3.4| is least, 0.1 - 0.75, at 3.5."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 4))
    m.miss = pyo.Var(bounds=(0, 4))
    m.short = pyo.Constraint(expr=m.miss >= 3.4 - m.x)
    m.over = pyo.Constraint(expr=m.miss >= m.x - 3.4)
    near(m)
    m.low, m.high = Disjunct(), Disjunct()
    m.low.most = pyo.Var(bounds=(0, 1))
    m.low.row = pyo.Constraint(expr=m.x <= m.low.most)
    m.high.either = Disjunction(expr=[[m.x == 3], [m.x == 3.5]])
    m.choice = Disjunction(expr=[m.low, m.high])
    m.cost = pyo.Objective(expr=1.5 * (3 - m.f.y) + m.miss)
    pyo.TransformationFactory(transformation).apply_to(m)
    allowed = [k / 100 for k in range(101)] + [3, 3.5]
    best = min((1.5 * (3 - x) + abs(x - 3.4), x) for x in allowed)
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert (solution.objective, m.x.value) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_a_follower_that_chooses_between_two_ranges(transformation: str):
    """y in [0, 1] or [3, 4], nearest to a whole x, ties in the leader's favour: 2 y - 1.5 x is most, 3, at x = 2."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(domain=pyo.Integers, bounds=(0, 4))
    near(m)
    m.f.choice = Disjunction(expr=[[m.f.y <= 1], [m.f.y >= 3]])
    m.gain = pyo.Objective(expr=2 * m.f.y - 1.5 * m.x, sense=pyo.maximize)
    pyo.TransformationFactory(transformation).apply_to(m)
    places = [k / 20 for k in range(21)] + [3 + k / 20 for k in range(21)]
    best = max(
        2 * y - 1.5 * x
        for x in range(5)
        for y in places
        if abs(abs(y - x) - min(abs(place - x) for place in places)) < 1e-9
    )
    solution = bl.solve(m)
    assert (solution.status, best) == ("optimal", 3)
    assert solution.objective == pytest.approx(best)
    game = read(m)
    owned = {name for name, owner in zip(game.program.columns.names, game.program.column_owner, strict=True) if owner}
    assert sum("indicator" in name for name in owned) == 2
