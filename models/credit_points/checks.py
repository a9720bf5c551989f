"""What must hold of an equilibrium on the network, with its numbers."""

from __future__ import annotations

from dataclasses import replace

import pyomo.environ as pyo

from models.ac_power_flow import power_flows
from models.credit_points.credit import Choice, Prices, chosen
from models.credit_points.data import HOURS, Instance
from models.credit_points.equilibrium import Equilibrium
from models.credit_points.users import Users

CONES, REGRET, OVERLAP = 1e-6, 1e-6, 1e-6
VOLTAGE_PU, LOSSES_MW = 1e-5, 1e-4
FEES = 1e-4
"""Yuan a day."""


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


def fee_checks(
    m: pyo.ConcreteModel, data: Users, price: Prices, swept: dict[str, dict[float, Choice]]
) -> dict[str, bool]:
    """Return what holds of the solved game of the fee and of the sweeps, and whether it does."""
    coefficient = {option: m.coefficient[option].value for option in data.options}
    income, again = pyo.value(m.income_yuan), chosen(data, price, coefficient).fee_yuan
    mean = sum(coefficient.values()) / len(coefficient)
    shares = [choice.recommended for _, choice in sorted(swept["coefficient, yuan/kWh"].items())]
    free = dict.fromkeys(data.options, 0.0)
    rule = replace(data.credit, delay_per_minute=0.0, valley_weight=0.0)
    verdicts = {
        f"users choose what each of them finds cheapest: fees {income:.4f}, {again:.4f}": abs(income - again) <= FEES,
        f"the mean coefficient keeps its limit: {mean:.4f}": mean <= data.credit.mean_coefficient + FEES,
        "without coefficients the credit does not matter": (
            chosen(data, price, free) == chosen(replace(data, credit=rule), price, free)
        ),
    }
    if data.credit.valley_weight < 1:
        verdicts["the greater the coefficient, the more users at recommended stations"] = shares == sorted(shares)
    return verdicts
