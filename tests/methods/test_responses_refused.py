"""What is said of games whose followers' responses cannot be searched."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo
import pytest

import bilevel as bl


def game(domain: Any = pyo.Integers) -> Any:
    """Max ``x - y`` over binary ``x``; the follower takes the least ``y >= 2 x`` and earns ``(2 x - 1) u``."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(domain=pyo.Binary)
    m.idle = pyo.Var(domain=pyo.Binary)
    m.f = bl.Follower()
    m.f.y = pyo.Var(domain=domain, bounds=(0, 9))
    m.f.u = pyo.Var(domain=domain, bounds=(0, 9))
    m.f.least = pyo.Constraint(expr=m.f.y >= 2 * m.x)
    m.f.cost = pyo.Objective(expr=m.f.y + m.f.u - 2 * m.x * m.f.u)
    m.gain = pyo.Objective(expr=m.x - 0.1 * m.f.y, sense=pyo.maximize)
    return m


def test_the_decision_at_which_a_follower_is_unbounded_is_named():
    """At ``x = 1``, which is worth most, it earns ``u`` without end; ``idle`` is not seen by it."""
    m = game()
    assert bl.solve(m).objective == pytest.approx(0.8)
    m.f.u.setub(None)
    with pytest.raises(bl.UnboundedFollower, match=r"^f: .*unbounded at a decision of the leader \(x = 1\); bound its"):
        bl.solve(m)


def test_a_multiplier_of_an_integer_follower_is_refused_for_what_it_is():
    m = game()
    m.price = bl.Multiplier(m.f.least)
    with pytest.raises(
        bl.NotApplicable, match=r"^price: .*of f, which decides an integer variable \(f\.y\) and has none"
    ):
        bl.solve(m)


def test_a_multiplier_beside_an_integer_follower_is_refused_with_that_ones_name():
    """A linear follower alone has it: -1 of ``2 x - y <= 0``, so that ``price >= -0.5`` leaves no decision."""
    m = game(pyo.Reals)
    m.f.u.fix(0)
    m.price = bl.Multiplier(m.f.least)
    m.cheap = pyo.Constraint(expr=m.price >= -0.5)
    m.x.fix(1)
    assert bl.solve(m).status == "infeasible"
    m.g = bl.Follower()
    m.g.z = pyo.Var(domain=pyo.Binary)
    m.g.cost = pyo.Objective(expr=m.g.z)
    with pytest.raises(bl.NotApplicable, match=r"^price: .*of f, and g decides an integer variable \(g\.z\)"):
        bl.solve(m)


def test_a_multiplier_that_optimality_conditions_describe_says_so():
    m = game(pyo.Reals)
    m.price = bl.Multiplier(m.f.least)
    with pytest.raises(bl.NotApplicable, match=r"^price: .*use bl\.KKT\(\)"):
        bl.solve(m, method=bl.ValueFunction())
    assert bl.solve(m, method=bl.KKT()).objective == pytest.approx(0.8)
