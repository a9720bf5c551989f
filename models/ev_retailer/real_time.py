"""What the retailer does in real time in one scenario of prices, as the solved game holds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

from models.ev_retailer.data import HOURS, Instance
from models.ev_retailer.plans import Plan
from reformulations.programs import Floats


@dataclass(frozen=True, slots=True, eq=False)
class RealTime:
    """Scenario, its price (yuan/kWh) and powers (kW), each ``(24,)``; ``charged`` and ``returned`` of all vehicles.

    Buying and selling have one price, so only their difference means anything: ``bought`` or ``sold``.
    """

    scenario: int
    probability: float
    price: Floats
    bought: Floats
    sold: Floats
    storing: Floats
    releasing: Floats
    charged: Floats
    returned: Floats


def real_time_of(m: pyo.ConcreteModel, plan: Plan, data: Instance, share: Floats, scenario: int) -> RealTime:
    """Return the operation in ``scenario`` of the solved game when the types have ``share`` ``(types,)``."""
    market, at = m.real_time[scenario], data.scenarios.index(scenario)

    def power(variable: pyo.Var) -> Floats:
        return np.array([pyo.value(variable[t]) for t in HOURS])

    charged, returned = np.zeros(len(HOURS)), np.zeros(len(HOURS))
    for part, (number, stay) in zip(data.vehicles * share, data.stays.items(), strict=True):
        charged[list(stay.hours)] += part * plan.responses[number].charge_kw
        returned[list(stay.hours)] += part * plan.responses[number].discharge_kw
    trade = power(market.buy_kw) - power(market.sell_kw)
    return RealTime(
        scenario,
        float(data.probability[at]),
        data.real_time_price[at],
        np.maximum(trade, 0.0),
        np.maximum(-trade, 0.0),
        power(market.charge_kw),
        power(market.discharge_kw),
        charged,
        returned,
    )
