"""The day-ahead price at a purchase, by power flows of the feeder instead of the fitted line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.ac_power_flow import has_pandapower, power_flows
from models.ev_retailer.data import HOURS, Instance
from models.networks import ieee33
from models.nodal_prices import nodal_prices
from reformulations.programs import Floats

BUS = 7
"""The retailer's bus; the paper counts buses from 0 and says node 6."""

_STEP_MW = 1e-2


@dataclass(frozen=True, slots=True, eq=False)
class DayAheadPrice:
    """Three prices ``(24,)``, yuan/kWh.

    ``fitted`` is the line of the game, ``nodal`` the multiplier of the bus in the cheapest power flow, ``newton`` the
    difference of Newton's power flows on either side of the purchase; None without pandapower.
    """

    fitted: Floats
    nodal: Floats
    newton: Floats | None


def day_ahead_price(data: Instance, purchase_kw: Floats) -> DayAheadPrice:
    """Return the day-ahead price at the purchase ``(24,)``, three ways."""
    feeder = ieee33()

    def reactive(bus: int, hour: int) -> float:
        return float(data.load_share[hour]) * feeder.demand_kvar[bus] / 1000

    def active(more_mw: float = 0.0) -> Callable[[int, int], float]:
        def demand_mw(bus: int, hour: int) -> float:
            bought = purchase_kw[hour] / 1000 + more_mw if bus == BUS else 0.0
            return float(data.load_share[hour] * feeder.demand_kw[bus] / 1000 + bought)

        return demand_mw

    energy_price = dict(zip(HOURS, data.energy_price, strict=True))
    nodal = nodal_prices(feeder, energy_price, active(), reactive, buses=[BUS])
    newton = None
    if has_pandapower():
        low, high = (power_flows(feeder, HOURS, active(step), reactive) for step in (-_STEP_MW, _STEP_MW))
        supplied = np.array([high[t].supply_mw - low[t].supply_mw for t in HOURS])
        newton = data.energy_price * supplied / (2 * _STEP_MW)
    return DayAheadPrice(
        fitted=data.day_ahead_price + data.day_ahead_slope * purchase_kw,
        nodal=np.array([nodal[BUS, t] for t in HOURS]),
        newton=newton,
    )
