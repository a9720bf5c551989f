"""What must hold of an equilibrium on the network, with its numbers."""

from __future__ import annotations

import pyomo.environ as pyo

from models.ac_power_flow import power_flows
from models.credit_points.data import HOURS, Instance
from models.credit_points.equilibrium import Equilibrium

CONES, REGRET, OVERLAP = 1e-6, 1e-6, 1e-6
VOLTAGE_PU, LOSSES_MW = 1e-5, 1e-4


def market_checks(found: Equilibrium, m: pyo.ConcreteModel, data: Instance) -> dict[str, bool]:
    """Return what holds of the cones, the aggregators' responses and the balance of power, and whether it does."""
    regret = max(found.regret_yuan[k] / max(1.0, abs(found.cost_yuan[k])) for k in data.aggregators)
    supplied = sum(pyo.value(m.market.supply_mw[t]) for t in HOURS)
    used = sum(data.demand_mw(bus, t) for bus in data.feeder.buses for t in HOURS)
    used += sum(float(contract.sum()) for contract in found.contract_mwh.values()) + float(found.losses_mw.sum())
    return {
        f"no aggregator saves by another day at the nodal prices: at most {regret:.0e} of its cost": regret <= REGRET,
        f"the cones are exact: l v - P^2 - Q^2 is at most {found.cone_gap:.0e}": found.cone_gap <= CONES,
        f"supply is demand and losses: apart by {abs(supplied - used):.0e} MWh": abs(supplied - used) <= CONES,
        f"nobody buys and sells, or stores and releases, at once: at most {max(found.overlap_mwh, 0):.0e} MWh": (
            found.overlap_mwh <= OVERLAP
        ),
    }


def ac_checks(found: Equilibrium, data: Instance) -> dict[str, bool]:
    """Return how far voltages and losses are from Newton's power flow, and whether that is near; needs pandapower."""

    def demand_mw(bus: int, hour: int) -> float:
        here = [number for number, aggregator in data.aggregators.items() if aggregator.bus == bus]
        return data.demand_mw(bus, hour) + sum(float(found.contract_mwh[number][hour]) for number in here)

    flows = power_flows(data.feeder, HOURS, demand_mw, data.demand_mvar, data.voltage.substation)
    voltage = max(
        abs(flows[t].voltage_pu[bus] - float(profile[t])) for bus, profile in found.voltage_pu.items() for t in HOURS
    )
    losses = max(abs(flows[t].losses_mw - float(found.losses_mw[t])) for t in HOURS)
    return {
        f"voltages are those of the AC power flow: within {voltage:.0e} per unit": voltage <= VOLTAGE_PU,
        f"losses are those of the AC power flow: within {losses:.0e} MW": losses <= LOSSES_MW,
    }
