"""The data of the peak-regulation market, read from the files beside this one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.stays import check_energy, stay_hours
from models.tables import DataError, Kind, in_order, read_parameters, read_table, unique
from reformulations.programs import Floats

FOLDER = Path(__file__).with_name("data")
HOURS = range(24)
POOLS = ("charging", "discharging")
"""What owners may sign for: charging in the valley at a discount, or feeding back in the peak for a subsidy."""

_OFFER = ("step_yuan_per_kwh", "most_yuan_per_kwh", "dead_zone_yuan_per_kwh", "saturation_yuan_per_kwh")
_PARAMETERS = {
    "fleet": {
        "vehicles": Kind.POSITIVE,
        "discharging_share": Kind.FRACTION,
        "power_kw": Kind.POSITIVE,
        "efficiency": Kind.FRACTION,
        "least_energy_kwh": Kind.NONNEGATIVE,
        "most_energy_kwh": Kind.POSITIVE,
    },
    "owner": dict.fromkeys(
        ("wear_yuan_per_kwh", "inconvenience_yuan_per_kwh", "impatience_yuan_per_kwh_per_hour"), Kind.NONNEGATIVE
    ),
    "market": dict.fromkeys(
        ("peak_energy_yuan_per_kwh", "valley_energy_yuan_per_kwh", "capacity_yuan_per_kwh", "operation_yuan_per_kwh"),
        Kind.NONNEGATIVE,
    ),
} | {pool: dict.fromkeys(_OFFER, Kind.POSITIVE) | {"most_willing": Kind.FRACTION} for pool in POOLS}
_HOURS = {
    "hour": Kind.WHOLE,
    "peak": Kind.WHOLE,
    "valley": Kind.WHOLE,
    "retail_price_yuan_per_kwh": Kind.NONNEGATIVE,
    "wholesale_price_yuan_per_kwh": Kind.NONNEGATIVE,
}
_CLASSES = {
    "class": Kind.WHOLE,
    "share": Kind.POSITIVE,
    "arrival_hour": Kind.WHOLE,
    "departure_hour": Kind.WHOLE,
    "arrival_energy_kwh": Kind.NONNEGATIVE,
    "departure_energy_kwh": Kind.NONNEGATIVE,
}


@dataclass(frozen=True, slots=True)
class Stay:
    """Vehicles of one class: their ``share`` of the fleet, hours of the day at the plug, energy brought and needed."""

    share: float
    hours: tuple[int, ...]
    arrival_kwh: float
    departure_kwh: float


@dataclass(frozen=True, slots=True)
class Instance:
    """Everything the game needs to know; ``parameters`` are the sections of parameters.toml, prices in yuan/kWh."""

    stays: dict[int, Stay]
    retail: Floats
    wholesale: Floats
    peak: frozenset[int]
    valley: frozenset[int]
    parameters: dict[str, dict[str, float]]

    def menu(self, pool: str) -> dict[float, float]:
        """Return the offers to a pool, yuan/kWh, and the share of its owners that is willing at each.

        ``most * clip((offer - dead zone) / (saturation - dead zone), 0, 1)``
        """
        offer = self.parameters[pool]
        step, dead = offer["step_yuan_per_kwh"], offer["dead_zone_yuan_per_kwh"]
        offers = step * np.arange(round(offer["most_yuan_per_kwh"] / step) + 1)
        willing = offer["most_willing"] * np.clip((offers - dead) / (offer["saturation_yuan_per_kwh"] - dead), 0, 1)
        return {round(float(item), 9): float(share) for item, share in zip(offers, willing, strict=True)}

    def vehicles(self, pool: str, number: int) -> float:
        """Return how many vehicles of a class may sign for ``pool``."""
        fleet = self.parameters["fleet"]
        share = fleet["discharging_share"] if pool == "discharging" else 1 - fleet["discharging_share"]
        return fleet["vehicles"] * share * self.stays[number].share

    def on_arrival_kw(self, number: int) -> list[float]:
        """Return the power over the stay of a vehicle that charges at once until it has what it needs."""
        stay, fleet = self.stays[number], self.parameters["fleet"]
        missing = (stay.departure_kwh - stay.arrival_kwh) / fleet["efficiency"]
        return [min(fleet["power_kw"], max(0.0, missing - k * fleet["power_kw"])) for k in range(len(stay.hours))]


def read_instance(folder: Path = FOLDER) -> Instance:
    """Read ``classes.csv``, ``hours.csv`` and ``parameters.toml``.

    Raises
    ------
    DataError
        When something is missing, not a number, out of its range, or contradicts something else.
    """
    parameters = read_parameters(folder / "parameters.toml", _PARAMETERS)
    for pool in POOLS:
        if parameters[pool]["saturation_yuan_per_kwh"] <= parameters[pool]["dead_zone_yuan_per_kwh"]:
            raise DataError(f"parameters.toml, [{pool}], key saturation_yuan_per_kwh: not above the dead zone")
    hours = read_table(folder / "hours.csv", _HOURS)
    in_order(folder / "hours.csv", hours, "hour", HOURS)
    return Instance(
        _read_stays(folder / "classes.csv", parameters["fleet"]),
        np.array(hours["retail_price_yuan_per_kwh"]),
        np.array(hours["wholesale_price_yuan_per_kwh"]),
        frozenset(t for t in HOURS if hours["peak"][t]),
        frozenset(t for t in HOURS if hours["valley"][t]),
        parameters,
    )


def _read_stays(path: Path, fleet: dict[str, float]) -> dict[int, Stay]:
    table = read_table(path, _CLASSES)
    unique(path, table, "class")
    limits, rate = (fleet["least_energy_kwh"], fleet["most_energy_kwh"]), fleet["efficiency"] * fleet["power_kw"]
    stays: dict[int, Stay] = {}
    for row, values in enumerate(zip(*table.values(), strict=True), 2):
        number, share, arrival, departure, brought, needed = values
        where = f"{path.name}, row {row}"
        hours = stay_hours(where, arrival, departure)
        check_energy(where, brought, needed, limits, rate * len(hours))
        stays[int(number)] = Stay(share, hours, brought, needed)
    total = sum(stay.share for stay in stays.values())
    if not math.isclose(total, 1):
        raise DataError(f"{path.name}, column share: the shares sum to {total:g}, not to 1")
    return stays
