"""The operator's side: the power flow of all contracts, and what the energy for it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyomo.environ as pyo

from models.credit_points.data import HOURS, Instance
from models.distflow import declare_distflow
from models.nodal_prices import nodal_prices
from reformulations.programs import Floats


def declare_network(block: Any, data: Instance, contract_mwh: Callable[[int, int], Any]) -> None:
    """Declare the power flow on ``block``, the contracts ``(aggregator, hour)`` beside the demand of their bus.

    ``block.supply_yuan`` is what the energy at the substation costs. Lost energy is bought there too, so the
    operator's printed second term, a price on losses, would charge it twice and is 0 here.
    """
    declare_distflow(block, data.feeder, HOURS, _demand_mw(data, contract_mwh), data.demand_mvar, data.voltage)
    block.supply_yuan = pyo.Expression(expr=sum(data.energy_price[t] * block.supply_mw[t] for t in HOURS))


def operated(data: Instance, contracts: dict[int, Floats]) -> dict[int, Floats]:
    """Return the nodal price ``(24,)``, yuan/MWh, of every aggregator when the contracts ``(24,)`` are given.

    Raises
    ------
    NotServed
        When the network cannot serve the contracts within its voltages.
    """
    price = nodal_prices(
        data.feeder,
        dict(zip(HOURS, data.energy_price, strict=True)),
        _demand_mw(data, lambda number, hour: contracts[number][hour]),
        data.demand_mvar,
        data.voltage,
        sorted({aggregator.bus for aggregator in data.aggregators.values()}),
    )
    return {
        number: np.array([price[aggregator.bus, t] for t in HOURS]) for number, aggregator in data.aggregators.items()
    }


def _demand_mw(data: Instance, contract_mwh: Callable[[int, int], Any]) -> Callable[[int, int], Any]:
    """Return the demand by bus and hour, contracts included."""

    def demand_mw(bus: int, hour: int) -> Any:
        here = (number for number, aggregator in data.aggregators.items() if aggregator.bus == bus)
        return data.demand_mw(bus, hour) + sum(contract_mwh(number, hour) for number in here)

    return demand_mw


def prices_of(m: Any, data: Instance) -> dict[int, Floats]:
    """Return the nodal price ``(24,)``, yuan/MWh, at the bus of every aggregator in a solved game."""
    return {
        number: np.array([pyo.value(m.price[aggregator.bus, t]) for t in HOURS])
        for number, aggregator in data.aggregators.items()
    }
