"""What drivers choose from: a route, and a station on the way or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from models.tables import DataError, read_texts, unique
from reformulations.programs import Floats, Integers


@dataclass(frozen=True, slots=True)
class Arc:
    """A road in one direction: its time when empty, its capacity in vehicles an hour."""

    source: int
    target: int
    length_km: float
    hours: float
    capacity: float


@dataclass(frozen=True, slots=True)
class Routes:
    """Options of the drivers, first those that charge, then those that do not.

    Attributes
    ----------
    uses
        ``(options, arcs)``, how often an option uses an arc.
    trip
        The trip that each option serves ``(options,)``.
    station
        The station where each option charges, -1 for none ``(options,)``.
    energy_kwh, charging_h
        Of a vehicle ``(options,)``; zero without charging.
    paths
        The nodes of each option.
    """

    arcs: tuple[Arc, ...]
    trips: tuple[tuple[int, int], ...]
    stations: tuple[int, ...]
    uses: Floats
    trip: Integers
    station: Integers
    energy_kwh: Floats
    charging_h: Floats
    paths: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.trip)

    @property
    def charges(self) -> Integers:
        """The options that charge."""
        return np.flatnonzero(self.station >= 0)


def read_routes(
    path: Path,
    arcs: Sequence[Arc],
    trips: Sequence[tuple[int, int]],
    stations: Sequence[int],
    energy_kwh: tuple[float, float],
    pile_kw: float,
) -> Routes:
    """Return the options listed in a file with columns ``origin``, ``destination``, ``station`` and ``nodes``.

    Station 0 says that the option does not charge. A vehicle that charges takes ``energy_kwh[0]``, and
    ``energy_kwh[1]`` for each kilometre of its trip.

    Raises
    ------
    DataError
        For a trip or station that is not known, nodes that no arcs join, and a trip without an option that does not
        charge.
    """
    table = read_texts(path, ("origin", "destination", "station", "nodes"))
    unique(path, table, *table)
    position = {(arc.source, arc.target): a for a, arc in enumerate(arcs)}
    uses, trip, station, ways = np.zeros((len(table["nodes"]), len(arcs))), [], [], []
    for q, cells in enumerate(zip(*table.values(), strict=True)):
        where = f"{path.name}, row {q + 2}, column"
        origin, destination, stop = (
            _whole(cell, f"{where} {name}") for name, cell in zip(table, cells[:3], strict=False)
        )
        nodes = tuple(_whole(cell, f"{where} nodes") for cell in cells[3].split())
        if (origin, destination) not in trips:
            raise DataError(f"{where} destination: no trip of trips.csv goes from {origin} to {destination}")
        if stop and (stop not in stations or stop not in nodes):
            raise DataError(f"{where} station: {stop} is no station of stations.csv on the way {cells[3]}")
        if not nodes or (nodes[0], nodes[-1]) != (origin, destination):
            raise DataError(f"{where} nodes: the way {cells[3]!r} does not lead from {origin} to {destination}")
        for pair in pairwise(nodes):
            if pair not in position:
                raise DataError(f"{where} nodes: no arc of arcs.csv leads from {pair[0]} to {pair[1]}")
            uses[q, position[pair]] += 1.0
        trip.append(list(trips).index((origin, destination)))
        station.append(list(stations).index(stop) if stop else -1)
        ways.append(nodes)
    found, at = np.array(trip), np.array(station)
    for o, (origin, destination) in enumerate(trips):
        if not np.any((found == o) & (at < 0)):
            raise DataError(f"{path.name}, column station: no option from {origin} to {destination} has station 0")
    length = uses @ np.array([arc.length_km for arc in arcs])
    energy = np.where(at >= 0, energy_kwh[0] + energy_kwh[1] * length, 0.0)
    return Routes(tuple(arcs), tuple(trips), tuple(stations), uses, found, at, energy, energy / pile_kw, tuple(ways))


def _whole(cell: str, where: str) -> int:
    try:
        return int(cell)
    except ValueError as error:
        raise DataError(f"{where}: {cell!r} is not a whole number") from error
