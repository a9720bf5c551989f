"""Power flow of a radial network as linear rows and second-order cones (DistFlow), declared on a Pyomo block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo
from pyomo.core.base.block import BlockData

from models.networks import Feeder

BASE_MVA = 1.0
"""Base of the per-unit system: flows in MW and Mvar are per unit as they stand."""


@dataclass(frozen=True, slots=True)
class Voltage:
    """Least, greatest and the substation's voltage, per unit of the nominal one."""

    least: float = 0.9
    most: float = 1.1
    substation: float = 1.0


def declare_distflow(
    block: BlockData,
    feeder: Feeder,
    hours: Sequence[Any],
    demand_mw: Callable[[int, Any], Any],
    demand_mvar: Callable[[int, Any], Any],
    voltage: Voltage | None = None,
) -> None:
    """Declare the branch flows of ``feeder`` in every hour of ``hours`` on ``block``.

    For each line ``i -> j`` with squared current ``l`` and squared voltages ``v``, per unit::

        P_j - r l_j - sum_{k below j} P_k = demand_mw(j)        active_balance[j, h]   : nodal price
        Q_j - x l_j - sum_{k below j} Q_k = demand_mvar(j)      reactive[j, h]
        v_j = v_i - 2 (r P_j + x Q_j) + (r**2 + x**2) l_j       voltage_drop[j, h]
        P_j**2 + Q_j**2 <= l_j v_i                              current_cone[j, h]

    and at the substation ``supply_mw[h] - sum P_k = demand_mw``, likewise ``supply_mvar``. The cone replaces an
    equality: exact on trees where more losses are never worth anything and no upper voltage binds
    (Farivar and Low, IEEE Transactions on Power Systems 28, 2013); ``losses_mw[h]`` is ``sum r l``.

    Parameters
    ----------
    block
        Usually a follower.
    feeder
        The network.
    hours
        Keys of the hours.
    demand_mw, demand_mvar
        Expressions by bus and hour, in MW and Mvar; generation counts negative.
    voltage
        Limits; by default 0.9 to 1.1 and 1.0 at the substation.
    """
    limits = voltage or Voltage()
    buses, lines = feeder.buses, feeder.lines
    base = feeder.impedance_ohm(BASE_MVA)
    r = {bus: line.resistance_ohm / base for bus, line in lines.items()}
    x = {bus: line.reactance_ohm / base for bus, line in lines.items()}
    fed = list(lines)
    block.flow_mw = pyo.Var(fed, hours)
    block.flow_mvar = pyo.Var(fed, hours)
    block.current_squared = pyo.Var(fed, hours, bounds=(0, None))
    block.voltage_squared = pyo.Var(buses, hours, bounds=(limits.least**2, limits.most**2))
    block.supply_mw = pyo.Var(hours)
    block.supply_mvar = pyo.Var(hours)
    for hour in hours:
        block.voltage_squared[feeder.substation, hour].fix(limits.substation**2)

    def arriving(flow: Any, supply: Any, impedance: dict[int, float], bus: int, hour: Any) -> Any:
        here = (
            supply[hour]
            if bus == feeder.substation
            else flow[bus, hour] - impedance[bus] * block.current_squared[bus, hour]
        )
        return here - sum(flow[line.bus, hour] for line in feeder.below(bus))

    @block.Constraint(buses, hours)
    def active_balance(b, bus, hour):  # type: ignore[no-untyped-def]
        return arriving(b.flow_mw, b.supply_mw, r, bus, hour) == demand_mw(bus, hour)

    @block.Constraint(buses, hours)
    def reactive_balance(b, bus, hour):  # type: ignore[no-untyped-def]
        return arriving(b.flow_mvar, b.supply_mvar, x, bus, hour) == demand_mvar(bus, hour)

    @block.Constraint(fed, hours)
    def voltage_drop(b, bus, hour):  # type: ignore[no-untyped-def]
        fall = 2 * (r[bus] * b.flow_mw[bus, hour] + x[bus] * b.flow_mvar[bus, hour])
        rise = (r[bus] ** 2 + x[bus] ** 2) * b.current_squared[bus, hour]
        return b.voltage_squared[bus, hour] == b.voltage_squared[lines[bus].source, hour] - fall + rise

    @block.Constraint(fed, hours)
    def current_cone(b, bus, hour):  # type: ignore[no-untyped-def]
        apparent = b.flow_mw[bus, hour] ** 2 + b.flow_mvar[bus, hour] ** 2
        return apparent <= b.current_squared[bus, hour] * b.voltage_squared[lines[bus].source, hour]

    @block.Expression(hours)
    def losses_mw(b, hour):  # type: ignore[no-untyped-def]
        return sum(r[bus] * b.current_squared[bus, hour] for bus in fed)
