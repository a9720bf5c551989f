"""Nodal prices of a feeder: multipliers of the balances in its cheapest power flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyomo.environ as pyo

import bilevel as bl
from models.distflow import Voltage, declare_distflow
from models.networks import Feeder


class NotServed(ValueError):
    """A demand that the network cannot serve."""


def nodal_prices(
    feeder: Feeder,
    energy_price: Mapping[Any, float],
    demand_mw: Callable[[int, Any], float],
    demand_mvar: Callable[[int, Any], float],
    voltage: Voltage | None = None,
    buses: Sequence[int] | None = None,
) -> dict[tuple[int, Any], float]:
    """Return the price ``d(cost of supply)/d(demand)`` by bus and hour, in the unit of ``energy_price`` per MWh.

    The cost is ``sum_h energy_price[h] supply_mw[h]`` over the power flows of :func:`models.distflow.declare_distflow`;
    ``buses`` are all by default.

    Raises
    ------
    NotServed
        When the network cannot serve the demand within its voltages.
    """
    hours, asked = list(energy_price), list(feeder.buses if buses is None else buses)
    m = pyo.ConcreteModel("operator")
    m.grid = bl.Follower()
    declare_distflow(m.grid, feeder, hours, demand_mw, demand_mvar, voltage)
    m.grid.cost = pyo.Objective(expr=sum(energy_price[hour] * m.grid.supply_mw[hour] for hour in hours))
    m.price = bl.Multiplier({(bus, hour): m.grid.active_balance[bus, hour] for bus in asked for hour in hours})
    m.nothing = pyo.Objective(expr=0.0)
    if bl.solve(m, threads=1).point is None:
        raise NotServed("the network cannot serve this demand within its voltages")
    return {key: float(pyo.value(m.price[key])) for key in m.price}
