"""What a solved game says, settled again from the schedules of the owners alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

from models.peak_regulation.data import HOURS, POOLS, Instance
from models.peak_regulation.regions import of_vehicle
from reformulations.programs import Floats


@dataclass(frozen=True, slots=True)
class Revenue:
    """Items of the aggregator's revenue, yuan a day; ``total`` is energy + capacity less the other three."""

    subsidy: float
    purchase: float
    regulation: float
    energy: float
    capacity: float

    @property
    def total(self) -> float:
        """The identity of the paper's table 4."""
        return self.energy + self.capacity - self.subsidy - self.purchase - self.regulation


PAPER = {
    "charging": (Revenue(0.0, 1260.98458, 800.54838, 2287.26843, 1260.97757), 1486.71304),
    "discharging": (Revenue(1410.58584, 1153.63228, 702.05845, 3202.97581, 1630.61758), 1567.31682),
    "both": (Revenue(2279.02056, 1350.06435, 1003.54826, 6587.89309, 2700.11592), 4655.37584),
}
"""Table 4 of the paper: items and printed total of each scenario."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Offers in yuan/kWh by pool, revenue, margin in kW and net load of the fleet ``(24,)``, and the total solved for.

    ``outside_kwh`` is by how much any owner's energy leaves the region of its vehicle.
    """

    offers: dict[str, float]
    revenue: Revenue
    margin: Floats
    net: Floats
    objective: float
    outside_kwh: float


def outcome_of(m: pyo.ConcreteModel, data: Instance) -> Outcome:
    """Settle what the owners of the solved game ``m`` do, without use of its expressions."""
    market, fleet = data.parameters["market"], data.parameters["fleet"]
    offers = {
        pool: next(item for item in data.menu(pool) if pyo.value(m.picks[pool, item]) > 0.5)  # noqa: PLR2004 - binary
        for pool in POOLS
    }
    load, moved, discounted, fed, outside = np.zeros(len(HOURS)), np.zeros(len(HOURS)), 0.0, 0.0, 0.0
    for pool, k in m.owner:
        owner, hours, plug = m.owner[pool, k], list(data.stays[k].hours), np.array(data.on_arrival_kw(k))
        charge = np.array([pyo.value(owner.charge[i]) for i in range(len(hours))])
        discharge = np.array(
            [pyo.value(owner.discharge[i]) if i in owner.discharge else 0.0 for i in range(len(hours))]
        )
        signed = data.vehicles(pool, k) * data.menu(pool)[offers[pool]]
        load[hours] += data.vehicles(pool, k) * plug
        moved[hours] += signed * (charge - discharge - plug)
        if pool == "charging":
            discounted += float(signed * charge @ [t in data.valley for t in hours])
        fed += float(signed * discharge.sum())
        stored = fleet["efficiency"] * charge - discharge / fleet["efficiency"]
        energy, region = (
            data.stays[k].arrival_kwh + stored.cumsum(),
            of_vehicle(data, k, feeds_back=pool == "discharging"),
        )
        outside = max(outside, float(np.max(energy - region.most_kwh)), float(np.max(region.least_kwh - energy)))
    peak, valley = (np.array([t in hours for t in HOURS], float) for hours in (data.peak, data.valley))
    margin, net = (valley - peak) * moved, load + moved
    paid = market["peak_energy_yuan_per_kwh"] * peak + market["valley_energy_yuan_per_kwh"] * valley
    revenue = Revenue(
        subsidy=offers["discharging"] * fed,
        purchase=float(data.wholesale @ net),
        regulation=market["operation_yuan_per_kwh"] * float(margin.sum()),
        energy=float(data.retail @ net + paid @ margin) - offers["charging"] * discounted,
        capacity=market["capacity_yuan_per_kwh"] * float(margin.sum()),
    )
    return Outcome(offers, revenue, margin, net, pyo.value(m.total), outside)
