"""What is lost when the limits of a fleet are taken for those of its vehicles: the error of disaggregation."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from models.peak_regulation.data import HOURS, POOLS, Instance
from models.peak_regulation.regions import SPAN, Region, of_vehicle
from reformulations.programs import Floats


def cheapest_days(data: Instance) -> tuple[float, float]:
    """Return the least cost of a day at wholesale prices, yuan, within the summed limits and within each vehicle's.

    The first is a relaxation: ``min_e sum_i cost(e_i)`` over ``e_i`` in its region is no less than the same over
    ``sum_i e_i`` in the sum of the regions. Their difference is the error of disaggregation.
    """
    price = data.wholesale[np.arange(SPAN) % len(HOURS)]
    efficiency = data.parameters["fleet"]["efficiency"]
    parts = [
        scaled(stored(data, number, feeds_back=pool == "discharging"), data.vehicles(pool, number))
        for pool in POOLS
        for number in data.stays
    ]
    together = Region(
        *(
            sum(limits)
            for limits in zip(*((p.least_kwh, p.most_kwh, p.least_kw, p.most_kw) for p in parts), strict=True)
        )
    )
    return cheapest(together, price, efficiency), sum(cheapest(part, price, efficiency) for part in parts)


def stored(data: Instance, number: int, *, feeds_back: bool) -> Region:
    """Return the region of one vehicle of energy stored since it arrived, over two days ``(SPAN,)``.

    Nothing before arrival; from departure on what it left with.
    """
    stay, region = data.stays[number], of_vehicle(data, number, feeds_back=feeds_back)
    first, last = stay.hours[0], stay.hours[0] + len(stay.hours)
    limits = []
    for limit in (region.least_kwh, region.most_kwh):
        energy = np.zeros(SPAN)
        energy[first:last], energy[last:] = limit - stay.arrival_kwh, limit[-1] - stay.arrival_kwh
        limits.append(energy)
    for power in (region.least_kw, region.most_kw):
        plugged = np.zeros(SPAN)
        plugged[first:last] = power
        limits.append(plugged)
    return Region(*limits)


def scaled(region: Region, vehicles: float) -> Region:
    """Return the region of that many vehicles that do the same."""
    return Region(*(vehicles * limit for limit in (region.least_kwh, region.most_kwh, region.least_kw, region.most_kw)))


def cheapest(region: Region, price: Floats, efficiency: float) -> float:
    """Return ``min price' (c - d)`` over charging and discharging whose stored energy stays in ``region``.

    ``least_k <= sum_{j<=k} (eta c_j - d_j / eta) <= most_k``, ``0 <= c <= most_kw``, ``0 <= d <= -least_kw``.

    Raises
    ------
    ValueError
        When the region is empty.
    """
    past = np.tril(np.ones((len(price), len(price))))
    energy = np.hstack([efficiency * past, -past / efficiency])
    bounds = [(0.0, float(limit)) for limit in np.concatenate([region.most_kw, -region.least_kw])]
    found = linprog(
        np.concatenate([price, -price]),
        A_ub=np.vstack([energy, -energy]),
        b_ub=np.concatenate([region.most_kwh, -region.least_kwh]) + 1e-9,
        bounds=bounds,
    )
    if found.status != 0 or found.fun is None:
        raise ValueError(f"no schedule stays within the limits: {found.message}")
    return float(found.fun)
