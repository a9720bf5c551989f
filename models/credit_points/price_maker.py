"""An aggregator that knows what its contract does to the price: a game with the operator as follower.

::

    aggregator   min  sum_t lambda_t E_t + real time     over its contract, storage and vehicles
    operator t   min  price_t supply_t                   over the power flow of E_t and everything else : lambda_t

The other aggregators keep their contracts, so the operator's optimal cost of an hour is a convex function of ``E_t``
alone and its derivative ``lambda_t`` rises with it. Known at some contracts, from the power flow, it is written in two
ways:

* as a line, ``min b e + a e^2 / 2  s.t.  e = E_t : lambda_t``, which is near the truth: a game whose plan is taken,
* as a ladder, ``lambda(E_k)`` from each known contract up to the next, which is nowhere above the truth: a game whose
  value no plan can beat.

What the plan costs is then worked out by the power flow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

import bilevel as bl
from models.credit_points.aggregator import declare_aggregator
from models.credit_points.data import HOURS, Aggregator, Instance
from models.credit_points.network import operated
from reformulations.programs import Floats

RUNGS = 4
"""Contracts in each hour at which prices are asked of the power flow."""


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """Contracts of each hour ``(K, 24)``, rising from 0, MWh, and the nodal prices there ``(K, 24)``, yuan/MWh."""

    contract_mwh: Floats
    price: Floats

    def line(self, hour: int) -> tuple[float, float]:
        """Return slope and intercept of the line nearest to the prices of an hour."""
        slope, intercept = np.polyfit(self.contract_mwh[:, hour], self.price[:, hour], 1)
        return float(slope), float(intercept)

    @property
    def error(self) -> float:
        """Largest distance of a known price from its hour's line, yuan/MWh."""
        lines = np.array([self.line(t) for t in HOURS])
        return float(np.abs(lines[:, 0] * self.contract_mwh + lines[:, 1] - self.price).max())


@dataclass(frozen=True, slots=True, eq=False)
class Anticipation:
    """What a price maker does: contract and true prices ``(24,)``, its cost, and the least any plan could cost, yuan.

    ``expected_yuan`` is the cost by the lines, ``error`` how far true prices are from these at most, yuan/MWh.
    """

    contract_mwh: Floats
    price: Floats
    cost_yuan: float
    expected_yuan: float
    bound_yuan: float
    error: float
    proven: bool


def ask_prices(data: Instance, number: int, others: dict[int, Floats]) -> Ladder:
    """Return prices at even contracts from 0 up to all that aggregator ``number`` can take in an hour."""
    aggregator = data.aggregators[number]
    fleets = aggregator.fleets.values()
    most = np.array(
        [aggregator.storage.power_mw + sum(each.power_mw for each in fleets if t in each.hours) for t in HOURS]
    )
    contracts = np.linspace(0.0, 1.0, RUNGS)[:, np.newaxis] * most
    prices = np.array([operated(data, others | {number: contract})[number] for contract in contracts])
    # a price that falls by the solver's tolerance is that of the rung below
    return Ladder(contracts, np.maximum.accumulate(prices, axis=0))


def price_making(
    data: Instance, aggregator: Aggregator, ladder: Ladder, operator: Callable[[Any, Any, Ladder, int], None]
) -> pyo.ConcreteModel:
    """Return the game of an aggregator against an ``operator`` in each hour, :func:`by_line` or :func:`by_ladder`."""
    m = pyo.ConcreteModel("aggregator that makes prices")
    declare_aggregator(m, aggregator, data)
    for t in HOURS:
        m.contract_mwh[t].setub(ladder.contract_mwh[-1, t])

    @m.Follower(HOURS)
    def operator_of(follower: Any, t: int) -> None:
        operator(follower, m.contract_mwh[t], ladder, t)

    m.price = bl.Multiplier({t: m.operator_of[t].balance for t in HOURS})
    m.bill_yuan = pyo.Expression(expr=sum(m.price[t] * m.contract_mwh[t] for t in HOURS))
    m.cost_yuan = pyo.Objective(expr=m.bill_yuan + m.real_time_cost_yuan)
    return m


def by_line(follower: Any, contract_mwh: Any, ladder: Ladder, t: int) -> None:
    """Declare an operator whose price is a line in the contract."""
    slope, intercept = ladder.line(t)
    follower.sold_mwh = pyo.Var(bounds=(0, None))
    follower.balance = pyo.Constraint(expr=follower.sold_mwh == contract_mwh)
    follower.cost_yuan = pyo.Objective(expr=intercept * follower.sold_mwh + slope / 2 * follower.sold_mwh**2)


def by_ladder(follower: Any, contract_mwh: Any, ladder: Ladder, t: int) -> None:
    """Declare an operator who sells each part of the contract at the price of the rung below it."""
    rungs, widths = range(len(ladder.price) - 1), np.diff(ladder.contract_mwh[:, t])
    follower.sold_mwh = pyo.Var(rungs, bounds=lambda _, k: (0, widths[k]))
    follower.balance = pyo.Constraint(expr=sum(follower.sold_mwh[k] for k in rungs) == contract_mwh)
    follower.cost_yuan = pyo.Objective(expr=sum(ladder.price[k, t] * follower.sold_mwh[k] for k in rungs))


def anticipate(data: Instance, number: int, others: dict[int, Floats], gap: float = 1e-5) -> Anticipation:
    """Return what aggregator ``number`` does while the ``others`` keep their contracts ``(24,)``."""
    aggregator, ladder = data.aggregators[number], ask_prices(data, number, others)
    lower = bl.solve(price_making(data, aggregator, ladder, by_ladder), gap=gap, threads=1)
    m = price_making(data, aggregator, ladder, by_line)
    solution = bl.solve(m, gap=gap, threads=1)
    contract = np.array([m.contract_mwh[t].value for t in HOURS])
    price = operated(data, others | {number: contract})[number]
    return Anticipation(
        contract,
        price,
        cost_yuan=float(price @ contract) + pyo.value(m.real_time_cost_yuan),
        expected_yuan=pyo.value(m.cost_yuan),
        bound_yuan=-np.inf if lower.bound is None else lower.bound,
        error=max(ladder.error, float(np.abs(price - [m.price[t].value for t in HOURS])[contract > gap].max())),
        proven=lower.status == solution.status == "optimal",
    )
