"""Degenerate prices are intervals: the ends of a multiplier over all optimal multipliers of its follower."""

from __future__ import annotations

from math import inf

import pyomo.environ as pyo
import pytest

import bilevel as bl


def market(offer: float) -> pyo.ConcreteModel:
    """min 2 own + 5 cheap + 9 dear, own + cheap + dear == 100, own <= offer, cheap <= 50: the price is 5 or 9."""
    m = pyo.ConcreteModel()
    m.offer = pyo.Var(bounds=(offer, offer))
    m.market = bl.Follower()
    m.market.own = pyo.Var(bounds=(0, None))
    m.market.cheap = pyo.Var(bounds=(0, 50))
    m.market.dear = pyo.Var(bounds=(0, 100))
    m.market.limit = pyo.Constraint(expr=m.market.own <= m.offer)
    m.market.balance = pyo.Constraint(expr=m.market.own + m.market.cheap + m.market.dear == 100)
    m.market.cost = pyo.Objective(expr=2 * m.market.own + 5 * m.market.cheap + 9 * m.market.dear)
    m.price = bl.Multiplier(m.market.balance)
    m.profit = pyo.Objective(expr=m.price * m.market.own, sense=pyo.maximize)
    return m


def test_a_degenerate_price_is_an_interval_and_the_other_multipliers_follow():
    """At an offer of 50, balance is the price p in [5, 9], cheap <= 50 is 5 - p, own <= 50 is 2 - p."""
    m = market(50)
    solution = bl.solve(m)
    assert solution.multiplier_range(m.market.balance) == pytest.approx((5, 9))
    assert solution.multiplier_range(m.market.cheap) == pytest.approx((-4, 0))
    assert solution.multiplier_range(m.market.limit) == pytest.approx((-7, -3))
    assert solution.multiplier_range(m.market.dear, bound="lower") == pytest.approx((0, 4))
    assert "price = 9, and any value in [5, 9] is a multiplier there" in str(solution)


def test_a_table_shows_rows_and_finite_bounds_with_the_interval_of_each_that_is_one_of_many():
    m = market(50)
    solution = bl.solve(m)
    said = {line.name: (line.value, line.lower, line.upper) for line in solution.multipliers().lines}
    assert said == {"market.limit": pytest.approx((-7, -7, -3)), "market.balance": pytest.approx((9, 5, 9))}
    chosen = solution.multipliers(m.market.balance, m.market.own)
    assert [line.name for line in chosen.lines] == ["market.balance", "lower bound of market.own"]
    assert [line.name for line in chosen.degenerate] == ["market.balance"]
    assert "market.balance                      9  [5, 9]" in str(chosen)
    assert "[5, 9]" in chosen._repr_html_()
    with pytest.raises(bl.InvalidGame, match="offer: it belongs to leader"):
        solution.multipliers(m.offer)


def test_a_settled_price_is_a_point_and_not_worth_a_word():
    """At an offer of 40, 10 come from dear: the price is 9."""
    m = market(40)
    solution = bl.solve(m)
    assert solution.multiplier_range(m.market.balance) == pytest.approx((9, 9))
    assert "degenerate" not in str(solution)


def test_an_end_beyond_which_there_is_no_response_is_infinite():
    """max 3 y, y <= 2 and y >= 2 as two rows: the first is worth 3 or more, the second 0 or less, summing up to 3."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.f = bl.Follower()
    m.f.y = pyo.Var()
    m.f.most = pyo.Constraint([0], rule=lambda f, _: f.y <= 2)
    m.f.least = pyo.Constraint(expr=m.f.y >= 2)
    m.f.worth = pyo.Objective(expr=3 * m.f.y, sense=pyo.maximize)
    m.o = pyo.Objective(expr=m.x + m.f.y)
    solution = bl.solve(m)
    assert solution.multiplier_range(m.f.most) == {0: pytest.approx((3, inf))}
    assert solution.multiplier_range(m.f.least) == pytest.approx((-inf, 0))


def test_leaders_rows_and_integer_followers_have_no_range():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.cap = pyo.Constraint(expr=m.x <= 0.5)
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 2), domain=pyo.Integers)
    m.f.least = pyo.Constraint(expr=m.f.y >= m.x)
    m.f.cost = pyo.Objective(expr=m.f.y)
    m.o = pyo.Objective(expr=m.x + m.f.y)
    solution = bl.solve(m)
    assert str(solution.multipliers()) == "no row of a follower has a multiplier"
    with pytest.raises(bl.NotApplicable, match=r"f.y.*integer"):
        solution.multiplier_range(m.f.least)
    with pytest.raises(bl.InvalidGame, match="cap"):
        solution.multiplier_range(m.cap)
