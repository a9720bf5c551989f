"""Stations, drivers and network of one hour as a leader-follower game in the language.

The stations choose a price each from a list; the drivers answer by user equilibrium, which is the optimum of Beckmann's
potential, here in chords. Power is bought at the grid's price from a network that must be able to serve the drivers, or
at the marginal cost of an operator who follows as well. ::

    stations    max  sum_m (1000 rho_m - c_m) P_m     over rho_m in a list
    drivers     min  potential of arcs, stations and trips without charging + sum_q (kappa t_q + h_q rho_m(q)) w_q

Price times energy is the product of a binary with a variable: exact. After Zuo and others, "Stackelberg game-based
coordinative dispatch of EV charging stations and urban distribution systems considering temporal-spatial dynamic
traffic flow"; the outside option, waiting and demand response complete it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.core.base.block import BlockData

import bilevel as bl
from models.traffic_stations.chords import Congestion
from models.traffic_stations.data import Hour, Instance
from models.traffic_stations.operator import declare_operator
from reformulations.programs import Floats


def charging_game(
    data: Instance,
    hour: Hour,
    vehicles: Floats,
    levels: Sequence[float],
    congestion: Congestion,
    points: Sequence[Floats],
) -> pyo.ConcreteModel:
    """Return the game of one hour with prices from ``levels``, yuan/kWh, and power at the grid's price.

    The stations see to it that some dispatch serves what drivers draw.
    """
    m = _stations_and_drivers(data, vehicles, levels, congestion, points)
    m.network = pyo.Block()
    declare_operator(m.network, data, hour, [energy / 1000 for energy in m.drivers.energy_kwh.values()])
    m.network.cost_yuan.deactivate()
    margin = {k: m.price[k] - hour.grid_price / 1000 for k in m.price}
    m.profit_yuan = pyo.Objective(expr=sum(margin[k] * m.drivers.energy_kwh[k] for k in margin), sense=pyo.maximize)
    return m


def three_parties(
    data: Instance,
    hour: Hour,
    vehicles: Floats,
    levels: Sequence[float],
    congestion: Congestion,
    points: Sequence[Floats],
) -> pyo.ConcreteModel:
    """Return the game in which the operator is a follower too, and power costs stations its marginal cost.

    ``c_m = sum_s (lambda_P + tan(phi) lambda_Q)`` at the station's bus are multipliers of the operator's balances.
    """
    m = _stations_and_drivers(data, vehicles, levels, congestion, points)

    @m.Follower()
    def operator(operator: Any) -> None:
        declare_operator(operator, data, hour, [energy / 1000 for energy in m.drivers.energy_kwh.values()])

    cases = range(len(data.operator.probability))
    at = {(k, s): (bus, s) for k, bus in enumerate(data.station_bus) for s in cases}
    m.price_active = bl.Multiplier({key: m.operator.active_balance[where] for key, where in at.items()})
    m.price_reactive = bl.Multiplier({key: m.operator.reactive_balance[where] for key, where in at.items()})

    @m.Expression(m.price.index_set())
    def purchase_yuan_per_mwh(m: Any, k: int) -> Any:
        return sum(m.price_active[k, s] + data.operator.reactive_ratio * m.price_reactive[k, s] for s in cases)

    margin = {k: m.price[k] - m.purchase_yuan_per_mwh[k] / 1000 for k in m.price}
    m.profit_yuan = pyo.Objective(expr=sum(margin[k] * m.drivers.energy_kwh[k] for k in margin), sense=pyo.maximize)
    return m


def _stations_and_drivers(
    data: Instance, vehicles: Floats, levels: Sequence[float], congestion: Congestion, points: Sequence[Floats]
) -> pyo.ConcreteModel:
    stations, choices = range(len(data.routes.stations)), range(len(levels))
    m = pyo.ConcreteModel("stations and drivers")

    # What is declared on the model is the stations': one price each, within their rating.
    m.chosen = pyo.Var(stations, choices, domain=pyo.Binary)
    m.one_price = pyo.Constraint(stations, rule=lambda m, k: sum(m.chosen[k, g] for g in choices) == 1)
    m.price = pyo.Expression(stations, rule=lambda m, k: sum(levels[g] * m.chosen[k, g] for g in choices))

    @m.Follower()
    def drivers(drivers: Any) -> None:
        declare_drivers(drivers, data, vehicles, congestion, points)
        bill = sum(m.price[k] * drivers.energy_kwh[k] for k in stations)
        drivers.cost_yuan = pyo.Objective(expr=drivers.time_yuan + bill)

    m.limit = pyo.Constraint(
        stations, rule=lambda m, k: m.drivers.energy_kwh[k] / 1000 <= float(data.station_limit_mw[k])
    )
    return m


def declare_drivers(
    block: BlockData, data: Instance, vehicles: Floats, congestion: Congestion, points: Sequence[Floats]
) -> None:
    """Declare the drivers' flows, loads and time in yuan on ``block``; their bill is for the caller to add."""
    routes = data.routes
    options, loads, stations = range(len(routes)), range(len(congestion.most)), range(len(routes.stations))
    serves = [np.flatnonzero(routes.trip == o).tolist() for o in range(len(vehicles))]
    block.flow = pyo.Var(options, bounds=lambda b, q: (0, float(vehicles[routes.trip[q]])))
    block.load = pyo.Var(loads)
    block.potential_yuan = pyo.Var(loads)
    most = [
        float(vehicles[np.unique(routes.trip[routes.station == k])].sum() * routes.energy_kwh.max()) for k in stations
    ]
    block.energy_kwh = pyo.Var(stations, bounds=lambda b, k: (0, most[k]))
    block.demand = pyo.Constraint(
        range(len(vehicles)), rule=lambda b, o: sum(b.flow[q] for q in serves[o]) == float(vehicles[o])
    )

    @block.Constraint(loads)
    def loaded(b: Any, k: int) -> Any:
        entries = np.flatnonzero(congestion.matrix[k]).tolist()
        return b.load[k] == sum(float(congestion.matrix[k, q]) * b.flow[q] for q in entries)

    lines = congestion.slopes(list(points))

    @block.Constraint([(k, i) for k in loads for i in range(len(lines[k][0]))])
    def chord(b: Any, k: int, i: int) -> Any:
        slope, intercept = lines[k]
        return b.potential_yuan[k] >= float(slope[i]) * b.load[k] + float(intercept[i])

    @block.Constraint(stations)
    def charged(b: Any, k: int) -> Any:
        mine = np.flatnonzero(routes.station == k).tolist()
        return b.energy_kwh[k] == sum(float(routes.energy_kwh[q]) * b.flow[q] for q in mine)

    value = data.drivers.value_of_time
    charging = sum(value * float(routes.charging_h[q]) * block.flow[q] for q in routes.charges.tolist())
    block.time_yuan = pyo.Expression(expr=sum(block.potential_yuan[k] for k in loads) + charging)
