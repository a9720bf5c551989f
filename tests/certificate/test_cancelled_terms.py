"""Costs that cancel up to rounding: 0.1 + 0.2 - 0.3 is 5.6e-17 in the arithmetic of a computer, and means nothing."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest

import bilevel as bl


def indifferent(cost: str, *, sense: float) -> pyo.ConcreteModel:
    """Min x + sense y where the follower minimises 0 y + z over z >= x / 2, y and z in [0, 1]: any y is optimal."""
    m = pyo.ConcreteModel()
    m.x, m.price, m.rebate = pyo.Var(bounds=(0, 1)), pyo.Var(bounds=(0.3, 0.3)), pyo.Var([1, 2], domain=pyo.Integers)
    m.rebate[1].setlb(1), m.rebate[1].setub(1)
    m.rebate[2].setlb(2), m.rebate[2].setub(2)
    m.f = bl.Follower()
    m.f.y, m.f.z = pyo.Var(bounds=(0, 1)), pyo.Var(bounds=(0, 1))
    y = m.f.y
    costs = {
        "terms": 0.1 * y + 0.2 * y - 0.3 * y,
        "terms, below": 0.3 * y - 0.1 * y - 0.2 * y,
        "one number": (0.1 + 0.2 - 0.3) * y,
        "price": 0.1 * y + 0.2 * y - m.price * y,
        "price, below": m.price * y - 0.1 * y - 0.2 * y,
        "rebates": 0.3 * y - 0.1 * m.rebate[1] * y - 0.1 * m.rebate[2] * y,
    }
    m.f.row = pyo.Constraint(expr=m.f.z >= 0.5 * m.x)
    m.f.cost = pyo.Objective(expr=costs[cost] + m.f.z)
    m.goal = pyo.Objective(expr=m.x + sense * y)
    return m


@pytest.mark.parametrize("method", ["auto", bl.KKT()], ids=["auto", "big-M"])
@pytest.mark.parametrize("cost", ["terms", "terms, below", "one number", "price", "price, below", "rebates"])
@pytest.mark.parametrize("sense", [1.0, -1.0])
def test_a_follower_is_indifferent_where_its_costs_cancel(cost: str, sense: float, method: bl.KKT | str) -> None:
    solution = bl.solve(indifferent(cost, sense=sense), method=method)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(min(sense, 0.0), abs=1e-6))
    assert solution.certificate is not None
    tie = solution.certificate.tie
    assert (tie.optimistic, tie.pessimistic) == pytest.approx((min(sense, 0.0), max(sense, 0.0)), abs=1e-6)


@pytest.mark.parametrize("domain", [pyo.Reals, pyo.Integers])
@pytest.mark.parametrize("price", [0.3, 0.1 + 0.2])
def test_a_price_at_the_worth_of_the_only_good_leaves_a_tie(price: float, domain: object) -> None:
    """The cost is the only one of its follower, so that there is nothing beside it to be small against."""
    m = pyo.ConcreteModel()
    m.price = pyo.Var(bounds=(price, price))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 1), domain=domain)
    m.f.cost = pyo.Objective(expr=m.price * m.f.y - 0.1 * m.f.y - 0.2 * m.f.y)
    m.goal = pyo.Objective(expr=m.f.y)
    tie = bl.solve(m).certificate.tie
    assert (tie.optimistic, tie.pessimistic) == pytest.approx((0.0, 1.0), abs=1e-6)
