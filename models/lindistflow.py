"""Power flow of a radial network as linear rows (LinDistFlow), declared on a Pyomo block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyomo.environ as pyo
from pyomo.core.base.block import BlockData

from models.distflow import BASE_MVA, Voltage
from models.networks import Feeder


def declare_lindistflow(
    block: BlockData,
    feeder: Feeder,
    cases: Sequence[Any],
    demand_mw: Callable[[int, Any], Any],
    demand_mvar: Callable[[int, Any], Any],
    voltage: Voltage | None = None,
) -> None:
    """Declare the branch flows of ``feeder`` without losses in every hour or scenario of ``cases`` on ``block``.

    For each line ``i -> j`` and squared voltages ``v``, per unit::

        P_j - sum_{k below j} P_k = demand_mw(j)        active_balance[j, c]     : nodal price
        Q_j - sum_{k below j} Q_k = demand_mvar(j)      reactive_balance[j, c]
        v_j = v_i - 2 (r P_j + x Q_j)                   voltage_drop[j, c]

    and at the substation ``supply_mw[c] - sum P_k = demand_mw``, likewise ``supply_mvar`` (Baran and Wu, IEEE
    Transactions on Power Delivery 4, 1989). Voltages come out too high by the losses left out, about 0.003 per unit on
    the 33-bus feeder.

    Parameters
    ----------
    block
        Usually a follower.
    feeder
        The network.
    cases
        Keys of the hours or scenarios.
    demand_mw, demand_mvar
        Expressions by bus and case, in MW and Mvar; generation counts negative.
    voltage
        Limits; by default 0.9 to 1.1 and 1.0 at the substation.
    """
    limits = voltage or Voltage()
    lines, fed = feeder.lines, list(feeder.lines)
    base = feeder.impedance_ohm(BASE_MVA)
    block.flow_mw = pyo.Var(fed, cases)
    block.flow_mvar = pyo.Var(fed, cases)
    block.voltage_squared = pyo.Var(feeder.buses, cases, bounds=(limits.least**2, limits.most**2))
    block.supply_mw = pyo.Var(cases)
    block.supply_mvar = pyo.Var(cases)
    for case in cases:
        block.voltage_squared[feeder.substation, case].fix(limits.substation**2)

    def arriving(flow: Any, supply: Any, bus: int, case: Any) -> Any:
        here = supply[case] if bus == feeder.substation else flow[bus, case]
        return here - sum(flow[line.bus, case] for line in feeder.below(bus))

    @block.Constraint(feeder.buses, cases)
    def active_balance(b: Any, bus: int, case: Any) -> Any:
        return arriving(b.flow_mw, b.supply_mw, bus, case) == demand_mw(bus, case)

    @block.Constraint(feeder.buses, cases)
    def reactive_balance(b: Any, bus: int, case: Any) -> Any:
        return arriving(b.flow_mvar, b.supply_mvar, bus, case) == demand_mvar(bus, case)

    @block.Constraint(fed, cases)
    def voltage_drop(b: Any, bus: int, case: Any) -> Any:
        line = lines[bus]
        fall = line.resistance_ohm * b.flow_mw[bus, case] + line.reactance_ohm * b.flow_mvar[bus, case]
        return b.voltage_squared[bus, case] == b.voltage_squared[line.source, case] - 2 / base * fall
