"""The data of charging at work, read from the files beside this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.tables import DataError, Kind, read_parameters, read_table, unique

FOLDER = Path(__file__).with_name("data")


@dataclass(frozen=True, slots=True)
class Fleet:
    """``vehicles`` of one kind, each with ``hours`` to charge ``energy_kwh`` in, or at home for ``home_price``."""

    vehicles: float
    hours: tuple[int, ...]
    power_kw: float
    energy_kwh: float
    home_price: float


@dataclass(frozen=True, slots=True)
class Instance:
    """Fleets by number, energy cost and building's load by hour, and the operator's limits; yuan/kWh and kW."""

    fleets: dict[int, Fleet]
    energy_cost: dict[int, float]
    building_kw: dict[int, float]
    limit_kw: float
    most_price: float


def read_instance(folder: Path = FOLDER) -> Instance:
    """Read an instance.

    Raises
    ------
    DataError
        When something is missing, not a number, out of its range, or contradicts something else.
    """
    sections = {"site": {"limit_kw": Kind.POSITIVE}, "price": {"most_yuan_per_kwh": Kind.POSITIVE}}
    parameters = read_parameters(folder / "parameters.toml", sections)
    columns = ("energy_cost_yuan_per_kwh", "building_kw")
    path = folder / "hours.csv"
    table = read_table(path, {"hour": Kind.WHOLE} | dict.fromkeys(columns, Kind.NONNEGATIVE))
    unique(path, table, "hour")
    hours = [int(hour) for hour in table["hour"]]
    cost, building = (dict(zip(hours, table[column], strict=True)) for column in columns)
    fleets = _read_fleets(folder / "fleets.csv", hours)
    return Instance(fleets, cost, building, parameters["site"]["limit_kw"], parameters["price"]["most_yuan_per_kwh"])


def _read_fleets(path: Path, hours: list[int]) -> dict[int, Fleet]:
    whole, positive = ("fleet", "arrival_hour", "departure_hour"), ("vehicles", "power_kw", "energy_kwh")
    kinds = dict.fromkeys(whole, Kind.WHOLE) | dict.fromkeys(positive, Kind.POSITIVE)
    table = read_table(path, kinds | {"home_price_yuan_per_kwh": Kind.NONNEGATIVE})
    unique(path, table, "fleet")
    fleets = {}
    for row, (number, arrival, departure, vehicles, power, energy, home) in enumerate(
        zip(*table.values(), strict=True), 2
    ):
        stay = tuple(hour for hour in hours if arrival <= hour < departure)
        if not stay:
            raise DataError(f"{path.name}, row {row}, column departure_hour: no hour of hours.csv lies in the stay")
        fleets[int(number)] = Fleet(vehicles, stay, power, energy, home)
    return fleets
