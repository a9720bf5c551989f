"""Operator, stations and groups of vehicles as one game with three levels.

::

    operator    min  sum_j s_j X_j    s.t.  voltages within limits
    station j   max  (p_j + s_j) sum_k (a_kj - p_j) / 2     as if every group came to it
    group k     max  a_kj x - x^2 - p_j x                  over the stations j and x >= 0

After a tri-level game of system operator, charging stations and vehicles on the nine-bus system. Three levels become
two because a station takes no notice of the other's ("have no information about each other's suggested price"): it
answers the subsidy alone, and the groups answer the prices. So stations and groups are followers side by side. Prices
are on a menu that holds every best answer to the menu of subsidies; the operator reads them off it by binary variables,
so that demands and surpluses, which are not linear in the price, are data. The choice of a station is a linear program
over a simplex.

Voltages are not convex in the loads, but fall in both. Loads at which the voltage is too low therefore exclude all that
are at least as high at both buses: ``load_5 < l_5  or  load_6 < l_6``, a binary variable and two rows, exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyomo.environ as pyo

from models.trilevel_stations.data import GROUPS, STATIONS, Instance

LATTICE_MW = 0.01
"""Less than the distance of any two loads that differ."""


def trilevel_stations(data: Instance, too_high: Sequence[tuple[float, float]] = ()) -> pyo.ConcreteModel:
    """Return the game in which loads of at least ``(bus 5, bus 6)`` MW, for each pair in ``too_high``, are excluded."""
    m = pyo.ConcreteModel("operator, stations, vehicles")
    prices, subsidies = range(len(data.prices)), range(len(data.subsidies))
    demand = {(i, j, k): float(data.demand(data.prices[i])[k, j]) for i in prices for j in STATIONS for k in GROUPS}

    m.pays = pyo.Var(STATIONS, subsidies, domain=pyo.Binary)
    m.one = pyo.Constraint(STATIONS, rule=lambda m, j: sum(m.pays[j, g] for g in subsidies) == 1)
    m.subsidy = pyo.Expression(STATIONS, rule=lambda m, j: sum(data.subsidies[g] * m.pays[j, g] for g in subsidies))

    @m.Follower(STATIONS)
    def station(station: Any, j: int) -> None:
        station.price = pyo.Var(bounds=(0, float(data.taste[:, j].min())))
        sold = sum((data.taste[k, j] - station.price) / 2 for k in GROUPS)
        station.profit = pyo.Objective(expr=(station.price + m.subsidy[j]) * sold, sense=pyo.maximize)

    # The price is one of the menu, and the rest follows from which one: demands and surpluses are data for each item.
    m.price_is = pyo.Var(STATIONS, prices, domain=pyo.Binary)
    m.one_price = pyo.Constraint(STATIONS, rule=lambda m, j: sum(m.price_is[j, i] for i in prices) == 1)
    m.on_menu = pyo.Constraint(
        STATIONS, rule=lambda m, j: m.station[j].price == sum(data.prices[i] * m.price_is[j, i] for i in prices)
    )

    @m.Follower(GROUPS)
    def group(group: Any, k: int) -> None:
        group.goes = pyo.Var(STATIONS, bounds=(0, 1))
        group.one = pyo.Constraint(expr=sum(group.goes.values()) == 1)
        surplus = sum(demand[i, j, k] ** 2 * m.price_is[j, i] * group.goes[j] for i in prices for j in STATIONS)
        group.surplus = pyo.Objective(expr=surplus, sense=pyo.maximize)

    # A group that is indifferent goes where the operator likes it to, but goes as a whole.
    m.goes_to = pyo.Var(GROUPS, STATIONS, domain=pyo.Binary)
    m.whole = pyo.Constraint(GROUPS, STATIONS, rule=lambda m, k, j: m.goes_to[k, j] == m.group[k].goes[j])
    m.buys = pyo.Var(GROUPS, STATIONS, bounds=(0, float(data.taste.max()) / 2))

    @m.Constraint(GROUPS, STATIONS)
    def bought(m: Any, k: int, j: int) -> Any:
        return m.buys[k, j] == m.goes_to[k, j] * sum(demand[i, j, k] * m.price_is[j, i] for i in prices)

    m.load_mw = pyo.Expression(STATIONS, rule=lambda m, j: data.network["unit_mw"] * sum(m.buys[k, j] for k in GROUPS))
    most_mw = data.network["unit_mw"] * len(GROUPS) * float(data.taste.max()) / 2
    m.lower_at = pyo.Var(range(len(too_high)), STATIONS, domain=pyo.Binary)
    m.somewhere = pyo.Constraint(range(len(too_high)), rule=lambda m, c: m.lower_at[c, 0] + m.lower_at[c, 1] == 1)

    @m.Constraint(range(len(too_high)), STATIONS)
    def lower(m: Any, c: int, j: int) -> Any:
        return m.load_mw[j] <= (too_high[c][j] - LATTICE_MW) * m.lower_at[c, j] + most_mw * (1 - m.lower_at[c, j])

    # What moves between operator and stations counts in either direction, or a surcharge would be an income to seek.
    moved = sum(
        abs(data.subsidies[g]) * m.pays[j, g] * m.buys[k, j] for j in STATIONS for g in subsidies for k in GROUPS
    )
    m.cost = pyo.Objective(expr=moved)
    return m
