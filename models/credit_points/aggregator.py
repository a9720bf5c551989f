"""What one aggregator decides: its contract, its real-time trade, its storage and its vehicles' charging."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from models.credit_points.data import HOURS, Aggregator, Instance
from models.storage import battery_balance


def declare_aggregator(block: Any, aggregator: Aggregator, data: Instance) -> None:
    """Declare an aggregator's variables and rows on ``block``.

    For contract ``E``, real-time purchase and sale ``E+`` and ``E-``, storage ``r+``, ``r-``, ``s`` and charging ``W``
    of the vehicles, MWh in each hour::

        W + r+ - r- = E + E+ - E-          balance
        E- <= r-                           only what is stored may be sold
        s_t = s_{t-1} + eta r+ - r- / eta  storage, which ends the day as it began
        sum over its hours of a fleet's charging = its energy

    The printed binaries that forbid buying and selling, or charging and discharging, at once are left out: while
    the price to sell is at most the price to buy, prices are from 0 up and storage has losses, doing both never pays.
    """
    storage = aggregator.storage
    stays = [(number, hour) for number, fleet in aggregator.fleets.items() for hour in fleet.hours]
    block.contract_mwh = pyo.Var(HOURS, bounds=(0, None))
    block.buy_mwh = pyo.Var(HOURS, bounds=(0, None))
    block.sell_mwh = pyo.Var(HOURS, bounds=(0, None))
    block.store_mwh = pyo.Var(HOURS, bounds=(0, storage.power_mw))
    block.release_mwh = pyo.Var(HOURS, bounds=(0, storage.power_mw))
    block.stored_mwh = pyo.Var(HOURS, bounds=(storage.least_mwh, storage.most_mwh))
    block.vehicles_mwh = pyo.Var(stays, bounds=lambda _, number, __: (0, aggregator.fleets[number].power_mw))
    block.stored_mwh[HOURS[-1]].setlb(storage.initial_mwh)
    block.stored_mwh[HOURS[-1]].setub(storage.initial_mwh)

    @block.Constraint(HOURS)
    def balance(b: Any, t: int) -> Any:
        charging = sum(b.vehicles_mwh[number, t] for number, fleet in aggregator.fleets.items() if t in fleet.hours)
        used = charging + b.store_mwh[t] - b.release_mwh[t]
        return used == b.contract_mwh[t] + b.buy_mwh[t] - b.sell_mwh[t]

    @block.Constraint(HOURS)
    def sales(b: Any, t: int) -> Any:
        return b.sell_mwh[t] <= b.release_mwh[t]

    block.storage_balance = battery_balance(
        block.stored_mwh,
        block.store_mwh,
        block.release_mwh,
        efficiency=storage.efficiency,
        initial=storage.initial_mwh,
    )

    @block.Constraint(list(aggregator.fleets))
    def need(b: Any, number: int) -> Any:
        fleet = aggregator.fleets[number]
        return sum(b.vehicles_mwh[number, t] for t in fleet.hours) == fleet.energy_mwh

    block.real_time_cost_yuan = pyo.Expression(
        expr=sum(data.buy_price[t] * block.buy_mwh[t] - data.sell_price[t] * block.sell_mwh[t] for t in HOURS)
    )
