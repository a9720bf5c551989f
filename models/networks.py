"""Radial electricity networks, read from two tables and checked while they are read."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.tables import DataError, Kind, read_table, unique
from reformulations.programs import Floats

FOLDER = Path(__file__).with_name("data")

BUS = {"bus": Kind.WHOLE, "p_kw": Kind.NUMBER, "q_kvar": Kind.NUMBER}
BRANCH = {"from_bus": Kind.WHOLE, "to_bus": Kind.WHOLE, "r_ohm": Kind.NONNEGATIVE, "x_ohm": Kind.NUMBER}


@dataclass(frozen=True, slots=True)
class Line:
    """A line seen from the substation: power flows from ``source`` to ``bus`` when there is no generation."""

    source: int
    bus: int
    resistance_ohm: float
    reactance_ohm: float


@dataclass(frozen=True, slots=True)
class Feeder:
    """A radial network: a tree of lines below the bus ``substation``.

    ``lines`` are keyed by the bus they feed and stand in the order of their distance from the substation;
    ``demand_kw`` and ``demand_kvar`` are keyed by bus.
    """

    substation: int
    voltage_kv: float
    demand_kw: dict[int, float]
    demand_kvar: dict[int, float]
    lines: dict[int, Line]

    @property
    def buses(self) -> tuple[int, ...]:
        """All buses, in the order of the table."""
        return tuple(self.demand_kw)

    def below(self, bus: int) -> tuple[Line, ...]:
        """Return the lines that leave ``bus`` away from the substation."""
        return tuple(line for line in self.lines.values() if line.source == bus)

    def impedance_ohm(self, power_mva: float) -> float:
        """Return the impedance of one per unit on the base ``power_mva``."""
        return self.voltage_kv**2 / power_mva


def ieee33() -> Feeder:
    """Return the 33-bus feeder (Baran and Wu, IEEE Transactions on Power Delivery 4, 1989), its tie lines open."""
    return read_feeder(FOLDER / "ieee33_bus.csv", FOLDER / "ieee33_branch.csv", substation=1, voltage_kv=12.66)


def read_feeder(buses: Path, branches: Path, *, substation: int, voltage_kv: float) -> Feeder:
    """Return the feeder of two comma-separated files.

    Parameters
    ----------
    buses
        Columns ``bus``, ``p_kw``, ``q_kvar``; each bus once.
    branches
        Columns ``from_bus``, ``to_bus``, ``r_ohm``, ``x_ohm``, in either direction; together a tree.
    substation
        The bus that supplies all others.
    voltage_kv
        Nominal, line to line.

    Raises
    ------
    DataError
        For cells that are not numbers of their kind, unknown buses, loops and buses without a line to the substation.
    """
    table = read_table(buses, BUS)
    unique(buses, table, "bus")
    known = [int(bus) for bus in table["bus"]]
    if substation not in known:
        raise DataError(f"{buses.name}, column bus: the substation {substation} is missing")
    lines = _tree(branches, buses, known, substation)
    return Feeder(
        substation,
        voltage_kv,
        dict(zip(known, table["p_kw"], strict=True)),
        dict(zip(known, table["q_kvar"], strict=True)),
        lines,
    )


def _tree(branches: Path, buses: Path, known: list[int], substation: int) -> dict[int, Line]:
    table = read_table(branches, BRANCH)
    ends = [(int(one), int(other)) for one, other in zip(table["from_bus"], table["to_bus"], strict=True)]
    _refuse_unknown(branches, buses, ends, known)
    _refuse_loops(branches, ends)
    neighbours: dict[int, list[tuple[int, int]]] = {bus: [] for bus in known}
    for number, (one, other) in enumerate(ends):
        neighbours[one].append((other, number))
        neighbours[other].append((one, number))
    lines: dict[int, Line] = {}
    reached, pending = {substation}, deque([substation])
    while pending:
        source = pending.popleft()
        for bus, number in neighbours[source]:
            if bus not in reached:
                reached.add(bus)
                pending.append(bus)
                lines[bus] = Line(source, bus, table["r_ohm"][number], table["x_ohm"][number])
    for row, bus in enumerate(known, 2):
        if bus not in reached:
            raise DataError(f"{buses.name}, row {row}, column bus: no line leads from bus {bus} to the substation")
    return lines


def _refuse_unknown(branches: Path, buses: Path, ends: list[tuple[int, int]], known: list[int]) -> None:
    for row, pair in enumerate(ends, 2):
        for column, bus in zip(("from_bus", "to_bus"), pair, strict=True):
            if bus not in known:
                raise DataError(f"{branches.name}, row {row}, column {column}: bus {bus} is not in {buses.name}")


def _refuse_loops(branches: Path, ends: list[tuple[int, int]]) -> None:
    """Join the ends of the lines one by one; a line within what is joined already closes a loop."""
    group: dict[int, int] = {}

    def leader_of(bus: int) -> int:
        while group.setdefault(bus, bus) != bus:
            bus = group[bus]
        return bus

    for row, (one, other) in enumerate(ends, 2):
        if leader_of(one) == leader_of(other):
            raise DataError(
                f"{branches.name}, row {row}, column to_bus: the line from {one} to {other} closes a loop; "
                "a feeder is a tree"
            )
        group[leader_of(one)] = leader_of(other)


def totals_mw(feeder: Feeder) -> Floats:
    """Return the feeder's active and reactive demand in MW and Mvar ``(2,)``."""
    return np.array([sum(feeder.demand_kw.values()), sum(feeder.demand_kvar.values())]) / 1000
