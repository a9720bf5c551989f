"""The time limit of a robust run holds while bounds of multipliers are derived for its masters."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.compiler.extremes import Extremes
from tests.robust.test_followers import retailer
from tests.robust.test_wait_and_see import posted_price


def seller_on_two_markets() -> pyo.ConcreteModel:
    """The buyer takes what is cheaper than its worth; nature moves a cost only, so that one program is the game."""
    m = pyo.ConcreteModel()
    m.price = pyo.Var(bounds=(0, 4))
    m.buyer = bl.Follower()
    m.buyer.take = pyo.Var(bounds=(0, 3))
    m.buyer.bill = pyo.Objective(expr=(m.price - 2) * m.buyer.take)
    m.rate = bl.Uncertain(within=bl.uncertainty.Box(1, 2))
    m.later = bl.Recourse()
    m.later.buy = pyo.Var(bounds=(0, 10))
    m.later.balance = pyo.Constraint(expr=m.later.buy >= m.buyer.take)
    m.profit = pyo.Objective(expr=m.price * m.buyer.take - m.rate * m.later.buy, sense=pyo.maximize)
    return m


GAMES = {
    "rounds": retailer(0.4),
    "wait and see": posted_price(bl.uncertainty.Scenarios([5, 3])),
    "static": seller_on_two_markets(),
}


@pytest.mark.parametrize("name", GAMES)
def test_no_bound_is_derived_once_the_time_is_over(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_full, asked = Extremes.greatest_of, []

    def counted(*arguments: object, **more: object) -> float:
        asked.append(arguments)
        return in_full(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Extremes, "greatest_of", counted)
    late = bl.solve(GAMES[name], time_limit=1e-9)
    assert (late.status, late.objective, late.bound) == ("time_limit", None, None)
    assert not asked
    assert bl.solve(GAMES[name]).status == "optimal"
    assert asked, "the game has bounds to derive"
