"""The power flow of a feeder by Newton's method, to check convex ones; needs pandapower, the extra ``power``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from models.networks import Feeder

ADVICE = 'the AC check needs pandapower: python -m pip install "bilevel-compiler[power]", or -e ".[power]" in a clone'
_MVA = 1e-8
"""Mismatch of power at a bus at which Newton's method stops."""


@dataclass(frozen=True, slots=True)
class PowerFlow:
    """Voltages per unit by bus, losses and supply at the substation in MW."""

    voltage_pu: dict[int, float]
    losses_mw: float
    supply_mw: float


def has_pandapower() -> bool:
    """Tell whether pandapower is installed."""
    return find_spec("pandapower") is not None


def power_flows(
    feeder: Feeder,
    hours: Sequence[Any],
    demand_mw: Callable[[int, Any], float],
    demand_mvar: Callable[[int, Any], float],
    substation_pu: float = 1.0,
) -> dict[Any, PowerFlow]:
    """Return the power flow of every hour; demand by bus and hour, generation negative.

    Raises
    ------
    ModuleNotFoundError
        Without pandapower; ask :func:`has_pandapower` first.
    """
    pandapower: Any = import_module("pandapower")
    net = pandapower.create_empty_network()
    index = {bus: pandapower.create_bus(net, vn_kv=feeder.voltage_kv) for bus in feeder.buses}
    pandapower.create_ext_grid(net, index[feeder.substation], vm_pu=substation_pu)
    loads = {bus: pandapower.create_load(net, index[bus], p_mw=0.0) for bus in feeder.buses}
    for line in feeder.lines.values():
        pandapower.create_line_from_parameters(
            net,
            index[line.source],
            index[line.bus],
            length_km=1.0,
            r_ohm_per_km=line.resistance_ohm,
            x_ohm_per_km=line.reactance_ohm,
            c_nf_per_km=0.0,
            max_i_ka=1.0,
        )
    flows = {}
    for hour in hours:
        for bus, load in loads.items():
            net.load.loc[load, ["p_mw", "q_mvar"]] = demand_mw(bus, hour), demand_mvar(bus, hour)
        pandapower.runpp(net, tolerance_mva=_MVA, numba=False)
        voltage = {bus: float(net.res_bus.vm_pu[number]) for bus, number in index.items()}
        flows[hour] = PowerFlow(voltage, float(net.res_line.pl_mw.sum()), float(net.res_ext_grid.p_mw.iloc[0]))
    return flows
