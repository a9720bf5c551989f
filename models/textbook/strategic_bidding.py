"""A producer with market power offers a quantity; the market clears over a line at nodal prices.

::

    max_{0 <= x <= 80}  (price_N - 10) own
    min  10 own + 20 north + 40 south   s.t.  own <= x,  own + north - flow = 30 : price_N,
                                              flow + south = 60 : price_S,  flow <= 40,  north <= 50

Form: Ruiz and Conejo, IEEE Trans. Power Systems 24 (2009), doi:10.1109/TPWRS.2009.2030378; data ours. The north
needs 30 and exports at most 40, so it produces at most 70. An offer of x >= 70 makes its price 10, one between 20
and 70 makes it 20: at 70 it may still be 20, which earns 700. Offering 20 drives the northern price to 40 (the southern
one) and earns 600.
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

import bilevel as bl

ANSWER = 700.0

NEED_NORTH, NEED_SOUTH = 30, 60


def strategic_bidding() -> pyo.ConcreteModel:
    """Return the game of producer and market."""
    m = pyo.ConcreteModel("strategic bidding")
    m.offer = pyo.Var(bounds=(0, 80))

    @m.Follower()
    def market(market: Any) -> None:
        market.own = pyo.Var(bounds=(0, None))
        market.north = pyo.Var(bounds=(0, 50))
        market.south = pyo.Var(bounds=(0, None))
        market.flow = pyo.Var(bounds=(0, 40))
        market.offered = pyo.Constraint(expr=market.own <= m.offer)
        market.need_north = pyo.Constraint(expr=market.own + market.north - market.flow == NEED_NORTH)
        market.need_south = pyo.Constraint(expr=market.flow + market.south == NEED_SOUTH)
        market.cost = pyo.Objective(expr=10 * market.own + 20 * market.north + 40 * market.south)

    m.price = bl.Multiplier(m.market.need_north)
    m.profit = pyo.Objective(expr=(m.price - 10) * m.market.own, sense=pyo.maximize)
    return m
