"""What one vehicle, and all of them together, can do: limits of energy and power over the day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.peak_regulation.data import HOURS, Instance
from reformulations.programs import Floats

SPAN = 2 * len(HOURS)
"""Two days: overnight stays run past midnight."""


@dataclass(frozen=True, slots=True)
class Region:
    """Limits of energy at the end of an hour and of power within it, ``(hours,)`` each, in kWh and kW."""

    least_kwh: Floats
    most_kwh: Floats
    least_kw: Floats
    most_kw: Floats


def of_vehicle(data: Instance, number: int, *, feeds_back: bool) -> Region:
    """Return the region of one vehicle over its stay, after equations (4) and (5).

    ``most_i = min(arrival + eta p (i+1), limit)``, ``least_i = max(floor, departure - eta p (K-i-1), arrival - (p/eta)
    (i+1))``, the last for vehicles that feed back; others hold what they brought.
    """
    stay, fleet = data.stays[number], data.parameters["fleet"]
    power, efficiency = fleet["power_kw"], fleet["efficiency"]
    past = np.arange(1.0, len(stay.hours) + 1)
    most = np.minimum(stay.arrival_kwh + efficiency * power * past, fleet["most_energy_kwh"])
    drained = stay.arrival_kwh - power / efficiency * past if feeds_back else np.full(len(past), stay.arrival_kwh)
    needed = stay.departure_kwh - efficiency * power * (len(past) - past)
    least = np.maximum(np.maximum(fleet["least_energy_kwh"], needed), drained)
    return Region(least, most, np.full(len(past), -power if feeds_back else 0.0), np.full(len(past), power))


def of_fleet(data: Instance) -> Region:
    """Return the sum over all vehicles at the plug, ``(SPAN,)``, after equation (6).

    It contains every joint schedule and more: a path of the sum need not be a sum of vehicles' paths.
    """
    total = [np.zeros(SPAN) for _ in range(4)]
    for pool in ("charging", "discharging"):
        for number, stay in data.stays.items():
            region = of_vehicle(data, number, feeds_back=pool == "discharging")
            hours = stay.hours[0] + np.arange(len(stay.hours))
            for part, limit in zip(
                total, (region.least_kwh, region.most_kwh, region.least_kw, region.most_kw), strict=True
            ):
                part[hours] += data.vehicles(pool, number) * limit
    return Region(*total)
