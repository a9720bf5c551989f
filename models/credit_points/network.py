"""The operator's side: the power flow of all contracts, and what the energy for it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyomo.environ as pyo

import bilevel as bl
from models.credit_points.data import HOURS, Instance
from models.distflow import declare_distflow
from reformulations.programs import Floats


class NotServed(ValueError):
    """Contracts that the network cannot serve."""


def declare_network(block: Any, data: Instance, contract_mwh: Callable[[int, int], Any]) -> None:
    """Declare the power flow on ``block``, the contracts ``(aggregator, hour)`` beside the demand of their bus.

    ``block.supply_yuan`` is what the energy at the substation costs. Lost energy is bought there too, so the
    operator's printed second term, a price on losses, would charge it twice and is 0 here.
    """

    def demand_mw(bus: int, hour: int) -> Any:
        here = (number for number, aggregator in data.aggregators.items() if aggregator.bus == bus)
        return data.demand_mw(bus, hour) + sum(contract_mwh(number, hour) for number in here)

    declare_distflow(block, data.feeder, HOURS, demand_mw, data.demand_mvar, data.voltage)
    block.supply_yuan = pyo.Expression(expr=sum(data.energy_price[t] * block.supply_mw[t] for t in HOURS))


def operated(data: Instance, contracts: dict[int, Floats]) -> dict[int, Floats]:
    """Return the nodal price ``(24,)``, yuan/MWh, of every aggregator when the contracts ``(24,)`` are given.

    Raises
    ------
    NotServed
        When the network cannot serve the contracts within its voltages.
    """
    m = pyo.ConcreteModel("operator")
    m.grid = bl.Follower()
    declare_network(m.grid, data, lambda number, hour: contracts[number][hour])
    m.grid.cost_yuan = pyo.Objective(expr=m.grid.supply_yuan)
    m.price = bl.Multiplier(m.grid.active_balance)
    m.nothing = pyo.Objective(expr=0.0)
    if bl.solve(m, threads=1).point is None:
        raise NotServed("the network cannot serve these contracts within its voltages")
    return prices_of(m, data)


def prices_of(m: Any, data: Instance) -> dict[int, Floats]:
    """Return the nodal price ``(24,)``, yuan/MWh, at the bus of every aggregator in a solved game."""
    return {
        number: np.array([pyo.value(m.price[aggregator.bus, t]) for t in HOURS])
        for number, aggregator in data.aggregators.items()
    }
