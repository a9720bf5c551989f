"""Aggregators that take nodal prices as given: the equilibrium as one convex program.

The operator buys energy at the substation and charges every aggregator the price of its bus, the multiplier of that
bus's balance (DLMP). Each aggregator answers the prices. ::

    operator      min  sum_t price_t supply_t                     over the power flow of the contracts E
    aggregator k  min  sum_t lambda_{b(k),t} E_{k,t} + real time   over its contract, storage and vehicles

An aggregator's contract stands in the balance of its bus, so its stationarity condition is the same in its own
problem and in the sum of all: prices and contracts are an equilibrium exactly when they solve one convex program, the
operator's cost plus the aggregators' other costs over everybody's rows (Samuelson, American Economic Review 42, 1952).
The equilibrium is declared as the one follower of a leader who decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

import bilevel as bl
from models.credit_points.aggregator import declare_aggregator
from models.credit_points.data import HOURS, Instance
from models.credit_points.network import declare_network, prices_of
from models.credit_points.responses import best_response
from reformulations.programs import Floats


def price_taking(data: Instance) -> pyo.ConcreteModel:
    """Return the game whose follower ``market`` is the equilibrium and whose ``price`` are the nodal prices."""
    m = pyo.ConcreteModel("aggregators that take prices")
    m.market = bl.Follower()
    m.market.aggregator = pyo.Block(list(data.aggregators))
    for number, aggregator in data.aggregators.items():
        declare_aggregator(m.market.aggregator[number], aggregator, data)

    declare_network(m.market, data, lambda number, hour: m.market.aggregator[number].contract_mwh[hour])
    others_yuan = sum(m.market.aggregator[number].real_time_cost_yuan for number in data.aggregators)
    m.market.cost_yuan = pyo.Objective(expr=m.market.supply_yuan + others_yuan)
    m.price = bl.Multiplier(m.market.active_balance)
    m.nothing = pyo.Objective(expr=0.0)
    return m


@dataclass(frozen=True, slots=True, eq=False)
class Equilibrium:
    """What a solved market says.

    Attributes
    ----------
    price
        Nodal prices by bus ``(24,)``, yuan/MWh.
    contract_mwh, vehicles_mwh, stored_mwh
        By aggregator ``(24,)``: bought at the nodal price, charged into vehicles, held in the storage.
    cost_yuan, regret_yuan
        By aggregator: what the day costs, and how much of that a best response to the prices would save.
    voltage_pu
        By bus ``(24,)``.
    losses_mw
        ``(24,)``.
    cone_gap
        Largest ``l v - P^2 - Q^2`` over lines and hours, per unit: 0 where the cones are exact.
    overlap_mwh
        Largest energy that is bought and sold, or stored and released, in one hour.
    """

    price: dict[int, Floats]
    contract_mwh: dict[int, Floats]
    vehicles_mwh: dict[int, Floats]
    stored_mwh: dict[int, Floats]
    cost_yuan: dict[int, float]
    regret_yuan: dict[int, float]
    voltage_pu: dict[int, Floats]
    losses_mw: Floats
    cone_gap: float
    overlap_mwh: float


def equilibrium_of(m: pyo.ConcreteModel, data: Instance) -> Equilibrium:
    """Return what the solved game ``m`` says; each aggregator's problem is solved again, alone, at its prices."""
    market, feeder, prices = m.market, data.feeder, prices_of(m, data)
    contract, vehicles, stored, cost, regret, overlap = {}, {}, {}, {}, {}, 0.0
    for number, aggregator in data.aggregators.items():
        mine = market.aggregator[number]
        contract[number] = _profile(mine.contract_mwh)
        stored[number] = _profile(mine.stored_mwh)
        charged = {
            t: [mine.vehicles_mwh[fleet, hour].value for fleet, hour in mine.vehicles_mwh if hour == t] for t in HOURS
        }
        vehicles[number] = np.array([sum(charged[t]) for t in HOURS])
        cost[number] = float(prices[number] @ contract[number]) + pyo.value(mine.real_time_cost_yuan)
        regret[number] = cost[number] - best_response(aggregator, data, prices[number]).cost_yuan
        for one, other in ((mine.buy_mwh, mine.sell_mwh), (mine.store_mwh, mine.release_mwh)):
            overlap = max(overlap, float(np.minimum(_profile(one), _profile(other)).max()))
    return Equilibrium(
        price={bus: np.array([m.price[bus, t].value for t in HOURS]) for bus in feeder.buses},
        contract_mwh=contract,
        vehicles_mwh=vehicles,
        stored_mwh=stored,
        cost_yuan=cost,
        regret_yuan=regret,
        voltage_pu={
            bus: np.array([market.voltage_squared[bus, t].value ** 0.5 for t in HOURS]) for bus in feeder.buses
        },
        losses_mw=np.array([pyo.value(market.losses_mw[t]) for t in HOURS]),
        cone_gap=max(
            market.current_squared[bus, t].value * market.voltage_squared[line.source, t].value
            - market.flow_mw[bus, t].value ** 2
            - market.flow_mvar[bus, t].value ** 2
            for bus, line in feeder.lines.items()
            for t in HOURS
        ),
        overlap_mwh=overlap,
    )


def _profile(variable: Any) -> Floats:
    return np.array([variable[t].value for t in HOURS])
