"""Beckmann's potential in chords: what is congested, its potential, and break points where the flow is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.traffic_stations.data import Instance
from models.traffic_stations.users import Flows
from reformulations.programs import Floats, Integers

WIDTH = 0.15
"""Break points around a load stand this far apart, relative to it, twice on either side."""

STEP = 1e-4
"""Chords whose slopes, yuan for one more, differ by less than this part are one: no solver tells them apart."""


@dataclass(frozen=True, slots=True)
class Congestion:
    """Everything whose cost rises with its load: arcs, stations, and trips without charging.

    ``load = matrix @ flow``; the cost of one more is ``constant + linear load + power load^4`` and the potential its
    integral, in yuan. ``most`` is a load that no equilibrium exceeds.
    """

    matrix: Floats
    constant: Floats
    linear: Floats
    power: Floats
    most: Floats

    @classmethod
    def of(cls, data: Instance, vehicles: Floats) -> Congestion:
        """Return the congestion of ``vehicles`` an hour ``(trips,)``."""
        routes, drivers = data.routes, data.drivers
        hours = drivers.value_of_time * np.array([arc.hours for arc in routes.arcs])
        capacity = np.array([arc.capacity for arc in routes.arcs])
        stations, trips = len(routes.stations), len(routes.trips)
        at = np.equal.outer(np.arange(stations), routes.station)
        outside = np.equal.outer(np.arange(trips), routes.trip) & (routes.station < 0)
        matrix = np.vstack([routes.uses.T, at, outside]).astype(float)
        waiting = drivers.value_of_time * drivers.waiting_h / drivers.waiting_reference
        slope = (drivers.most_outside - drivers.least_outside) / vehicles
        reach = np.array(
            [vehicles[np.unique(routes.trip[row > 0])].sum() * max(1.0, row.max(initial=0.0)) for row in matrix]
        )
        return cls(
            matrix,
            np.concatenate([hours, np.zeros(stations), np.full(trips, drivers.least_outside)]),
            np.concatenate([np.zeros_like(hours), np.full(stations, waiting), slope]),
            np.concatenate([hours * drivers.congestion / capacity**4, np.zeros(stations + trips)]),
            np.maximum(reach, 1e-6),
        )

    def potential(self, load: Floats) -> Floats:
        """Return the potential at loads ``(..., k)``."""
        return self.constant * load + self.linear * load**2 / 2 + self.power * load**5 / 5

    def slopes(self, points: list[Floats]) -> list[tuple[Floats, Floats]]:
        """Return slopes and intercepts of the chords between the break points of each load.

        Break points at which the slope rises by less than :data:`STEP` are left out.
        """
        found = []
        for k, at in enumerate(points):
            value = self.constant[k] * at + self.linear[k] * at**2 / 2 + self.power[k] * at**5 / 5
            kept = _bent(np.diff(value) / np.diff(at))
            slope = np.diff(value[kept]) / np.diff(at[kept])
            found.append((slope, value[kept][:-1] - slope * at[kept][:-1]))
        return found

    def spread(self, load: Floats, count: int) -> list[Floats]:
        """Return ``count`` chords for each load, half of them even, half of them around ``load``."""
        even = [np.linspace(0.0, most, count // 2 + 1) for most in self.most]
        around = np.linspace(1 - 2 * WIDTH, 1 + 2 * WIDTH, count - count // 2)
        return [
            _separate(np.concatenate([points, np.minimum(around * value, most)]))
            for points, value, most in zip(even, load, self.most, strict=True)
        ]

    def refined(self, points: list[Floats], load: Floats) -> list[Floats]:
        """Return the break points with each ``load`` and the middles of the chords beside it."""
        found = []
        for at, value, most in zip(points, load, self.most, strict=True):
            here = np.unique(np.append(at, np.clip(value, 0.0, most)))
            k = int(np.argmin(np.abs(here - value)))
            beside = here[max(0, k - 1) : k + 2]
            found.append(_separate(np.concatenate([here, (beside[1:] + beside[:-1]) / 2])))
        return found


def centred(data: Instance, flows: Flows, count: int) -> tuple[Congestion, list[Floats]]:
    """Return the congestion of an equilibrium's vehicles and ``count`` chords for each load, half of them near it."""
    congestion = Congestion.of(data, flows.vehicles)
    return congestion, congestion.spread(congestion.matrix @ flows.flow, count)


def _bent(slope: Floats) -> Integers:
    """Return the first and the last of the points between which ``slope`` is, and those where it has risen enough."""
    kept, last = [0], slope[0]
    for i, here in enumerate(slope[1:], start=1):
        if here - last > STEP * max(1.0, abs(last)):
            kept.append(i)
            last = here
    return np.array([*kept, len(slope)])


def _separate(points: Floats) -> Floats:
    """Return sorted points without those that nearly repeat another."""
    ordered = np.unique(points)
    keep = np.concatenate([[True], np.diff(ordered) > 1e-6 * ordered[-1]])
    return np.asarray(ordered[keep])
