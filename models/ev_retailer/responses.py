"""What vehicles do at given prices, worked out apart from the game: one linear program a type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from models.ev_retailer.data import HOURS, Battery, Instance, Stay
from reformulations.programs import Floats

_TIE = 1e-7
"""Welfare, in yuan, that a vehicle gives up before another response stops being a tie."""


@dataclass(frozen=True, slots=True)
class Response:
    """Charging and discharging in each hour of a stay ``(K,)``, kW, and what it is worth to the owner, yuan."""

    charge_kw: Floats
    discharge_kw: Floats
    welfare_yuan: float


def best_response(stay: Stay, battery: Battery, price: Floats, value_to_retailer: Floats | None = None) -> Response:
    """Return an optimal response to ``price`` ``(24,)``, yuan/kWh.

    With ``value_to_retailer`` ``(24,)``, yuan/kWh, it is, among the optimal ones, the one whose net charging is worth
    least to the retailer: ``min value' (c - d)`` over responses with the optimal welfare.

    Raises
    ------
    ValueError
        When the stay admits no response.
    """
    count, hours = len(stay.hours), list(stay.hours)
    efficiency = battery.efficiency
    worth = np.concatenate(
        [
            efficiency * stay.utility_yuan_per_kwh - price[hours],
            price[hours] - stay.utility_yuan_per_kwh / efficiency,
        ]
    )
    stored = np.hstack([efficiency * np.tril(np.ones((count, count))), -np.tril(np.ones((count, count))) / efficiency])
    least, most = battery.least_energy_kwh, battery.most_energy_kwh
    matrix = np.vstack([stored, -stored, -worth])
    room = np.concatenate(
        [
            np.full(count, most - stay.arrival_energy_kwh),
            np.full(count, stay.arrival_energy_kwh - least),
            [battery.power_kw * np.abs(worth).sum()],
        ]
    )
    needed = np.array([stay.departure_energy_kwh - stay.arrival_energy_kwh])
    bounds = (0, battery.power_kw)
    found = linprog(-worth, A_ub=matrix, b_ub=room, A_eq=stored[-1:], b_eq=needed, bounds=bounds)
    if found.status != 0 or found.fun is None:
        raise ValueError(f"a stay from hour {hours[0]} to {hours[-1]} admits no response: {found.message}")
    welfare = -float(found.fun)
    if value_to_retailer is not None:
        value = np.concatenate([value_to_retailer[hours], -value_to_retailer[hours]])
        room[-1] = _TIE - welfare
        found = linprog(value, A_ub=matrix, b_ub=room, A_eq=stored[-1:], b_eq=needed, bounds=bounds)
    if found.x is None:
        raise ValueError(f"the ties of a stay from hour {hours[0]} to {hours[-1]} cannot be broken: {found.message}")
    return Response(found.x[:count], found.x[count:], welfare)


def net_charging(data: Instance, responses: dict[int, Response]) -> Floats:
    """Return the net charging of one vehicle of each type by hour of the day ``(types, 24)``, kW."""
    net = np.zeros((len(data.stays), len(HOURS)))
    for row, (number, stay) in enumerate(data.stays.items()):
        net[row, list(stay.hours)] = responses[number].charge_kw - responses[number].discharge_kw
    return net
