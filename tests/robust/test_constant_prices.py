"""Games whose recourse buys and sells at one price: scenarios are stored only where limits bind."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest

from bilevel.language.read import read
from bilevel.robust.ccg import CCG, solve_robust
from tests.robust.test_small_cases import Box, Recourse, Uncertain


def trade(most: float) -> pyo.ConcreteModel:
    """Min 2 z + max_u min {3 (b - s) : z + b - s = u},  0 <= z <= 5,  1 <= u <= 3,  0 <= b, s <= most.

    At one price the leader orders 5 and sells what is left, at worst 2: 10 - 6 = 4. When only 1 can be sold, recourse
    exists in every scenario for z <= 2 only, as u may be 1, and z >= 2, as u may be 3: z = 2, 4 + 3 = 7.
    """
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 5))
    m.u = Uncertain(within=Box(1, 3))
    m.later = Recourse()
    m.later.buy, m.later.sell = pyo.Var(bounds=(0, most)), pyo.Var(bounds=(0, most))
    m.later.balance = pyo.Constraint(expr=m.z + m.later.buy - m.later.sell == m.u)
    m.cost = pyo.Objective(expr=2 * m.z + 3 * (m.later.buy - m.later.sell))
    return m


def test_no_scenario_is_stored_where_the_price_is_constant():
    answer = solve_robust(read(trade(most=10)))
    assert (answer.status, len(answer.scenarios), len(answer.iterations)) == ("optimal", 0, 1)
    assert answer.objective == pytest.approx(4)


def test_binding_limits_are_recognised_and_scenarios_stored():
    answer = solve_robust(read(trade(most=1)))
    assert answer.status == "optimal"
    assert len(answer.scenarios) > 0
    assert answer.objective == pytest.approx(7)


@pytest.mark.parametrize("most", [1, 10])
def test_prices_and_stored_scenarios_agree(most: float):
    game = read(trade(most))
    prices, stored = solve_robust(game), solve_robust(game, CCG(start="nominal"))
    assert prices.objective == pytest.approx(stored.objective)
    assert prices.bound == pytest.approx(stored.bound)
