"""Fees that fall with credit points: the aggregator as leader, each user as follower.

::

    aggregator  max  sum_n sum_o eps_o f_no E_n y_no                                    over 0 <= eps, mean eps <= limit
    user n      min  sum_o [ (lambda_o + eps_o f_no) E_n + bother_no ] y_no  s.t.  sum_o y_no = 1

An option ``o`` is a station and a period, ``lambda_o`` the nodal price there, ``f_no`` what the user's points make of
the coefficient ``eps_o``. A user's problem is a linear program with integral vertices, so ``y`` is a choice. Energy is
passed on at the nodal price; what the aggregator earns is the fee, a product of its own and the user's decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

import bilevel as bl
from models.credit_points.data import Instance
from models.credit_points.equilibrium import Equilibrium
from models.credit_points.users import PERIODS, Period, Users

Prices = Mapping[tuple[int, Period], float]
"""Nodal price by station and period, yuan/kWh."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What users choose: the part that is at a recommended station, that is in the valley, and all fees in yuan."""

    recommended: float
    valley: float
    fee_yuan: float


def prices_at(found: Equilibrium, market: Instance, data: Users) -> Prices:
    """Return mean nodal prices at the stations: the peak is where energy costs more than the day's median."""
    dear = market.energy_price > np.median(market.energy_price)
    hours = {"peak": dear, "valley": market.energy_price == market.energy_price.min()}
    return {
        (number, period): float(found.price[station.bus][hours[period]].mean()) / 1000
        for number, station in data.stations.items()
        for period in PERIODS
    }


def credit_fee(data: Users, price: Prices) -> pyo.ConcreteModel:
    """Return the game of the fee."""
    m, rule, options = pyo.ConcreteModel("credit points"), data.credit, data.options
    factor = {(n, *o): data.factor(user, *o) for n, user in data.users.items() for o in options}
    m.coefficient = pyo.Var(options, bounds=(0, rule.most_coefficient))
    m.mean = pyo.Constraint(expr=sum(m.coefficient[o] for o in options) <= rule.mean_coefficient * len(options))

    @m.Constraint(options)
    def most_fee(m: Any, station: int, period: Period) -> Any:
        highest = max(factor[n, station, period] for n in data.users)
        return highest * m.coefficient[station, period] <= rule.most_fee

    def user(user: Any, n: int) -> None:
        who = data.users[n]
        user.share = pyo.Var(options, bounds=(0, None))
        user.one = pyo.Constraint(expr=sum(user.share[o] for o in options) == 1)
        user.fee_yuan = pyo.Expression(
            expr=sum(factor[n, *o] * who.energy_kwh * m.coefficient[o] * user.share[o] for o in options)
        )
        others = sum((price[o] * who.energy_kwh + data.bother_yuan(who, *o)) * user.share[o] for o in options)
        user.cost_yuan = pyo.Objective(expr=user.fee_yuan + others)

    m.user = bl.Follower(list(data.users), rule=user)
    m.fee_yuan = pyo.Var(list(data.users))

    @m.Constraint(list(data.users))
    def fee(m: Any, n: int) -> Any:
        return m.fee_yuan[n] == m.user[n].fee_yuan

    m.income_yuan = pyo.Objective(expr=sum(m.fee_yuan[n] for n in data.users), sense=pyo.maximize)
    return m


def choices(
    data: Users, price: Prices, coefficient: Mapping[tuple[int, Period], float]
) -> dict[int, tuple[int, Period]]:
    """Return the cheapest option of every user at given coefficients, worked out apart from the game.

    Ties go to the greater fee.
    """
    chosen = {}
    for n, user in data.users.items():
        fee = {o: coefficient[o] * data.factor(user, *o) * user.energy_kwh for o in data.options}
        cost = {o: fee[o] + price[o] * user.energy_kwh + data.bother_yuan(user, *o) for o in data.options}
        chosen[n] = min(data.options, key=lambda o: (round(cost[o], 6), -fee[o]))
    return chosen


def chosen(data: Users, price: Prices, coefficient: Mapping[tuple[int, Period], float]) -> Choice:
    """Return what :func:`choices` amount to."""
    options = choices(data, price, coefficient)
    fees = (coefficient[o] * data.factor(data.users[n], *o) * data.users[n].energy_kwh for n, o in options.items())
    return Choice(
        recommended=float(np.mean([data.stations[station].recommended for station, _ in options.values()])),
        valley=float(np.mean([period == "valley" for _, period in options.values()])),
        fee_yuan=sum(fees),
    )
