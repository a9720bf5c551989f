"""Charging at work as a leader-follower game.

The operator of a site sets a price an hour; owners charge where it is cheapest, or at home. ::

    operator    max  sum_t (p_t - cost_t) sum_n V_n c_nt       building_t + sum_n V_n c_nt <= limit,   0 <= p_t <= most
    owner n     min  sum_t p_t c_nt + home_n h_n               sum_t c_nt + h_n = energy_n,   0 <= c_nt <= power_n
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

import bilevel as bl  # noqa: F401  (gives models their m.Follower)
from models.workplace_charging.data import Instance


def workplace_charging(data: Instance) -> pyo.ConcreteModel:
    """Return the game; ``m.charging_kw`` is what all vehicles draw by hour."""
    m = pyo.ConcreteModel("charging at work")
    hours = list(data.energy_cost)
    m.price = pyo.Var(hours, bounds=(0, data.most_price))

    @m.Follower(list(data.fleets))
    def owner(owner: Any, n: int) -> None:
        fleet = data.fleets[n]
        owner.charge_kw = pyo.Var(fleet.hours, bounds=(0, fleet.power_kw))
        owner.home_kwh = pyo.Var(bounds=(0, fleet.energy_kwh))
        owner.need = pyo.Constraint(
            expr=sum(owner.charge_kw[t] for t in fleet.hours) + owner.home_kwh == fleet.energy_kwh
        )
        bill = sum(m.price[t] * owner.charge_kw[t] for t in fleet.hours)
        owner.bill = pyo.Objective(expr=bill + fleet.home_price * owner.home_kwh)

    @m.Expression(hours)
    def charging_kw(m: Any, t: int) -> Any:
        return sum(fleet.vehicles * m.owner[n].charge_kw[t] for n, fleet in data.fleets.items() if t in fleet.hours)

    @m.Constraint(hours)
    def site(m: Any, t: int) -> Any:
        return data.building_kw[t] + m.charging_kw[t] <= data.limit_kw

    margin = sum((m.price[t] - data.energy_cost[t]) * m.charging_kw[t] for t in hours)
    m.profit = pyo.Objective(expr=margin, sense=pyo.maximize)
    return m
