"""The data of the aggregators, read from the files beside this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.distflow import Voltage
from models.networks import Feeder, ieee33
from models.stays import stay_hours
from models.tables import DataError, Kind, in_order, read_parameters, read_table, unique
from reformulations.programs import Floats

FOLDER = Path(__file__).with_name("data")
HOURS = range(24)
"""Hours of the day; hour 18 lasts from 18:00 to 19:00."""

_PARAMETERS = {
    "network": {
        "least_voltage_pu": Kind.POSITIVE,
        "most_voltage_pu": Kind.POSITIVE,
        "substation_voltage_pu": Kind.POSITIVE,
    },
    "storage": {"efficiency": Kind.FRACTION},
}


@dataclass(frozen=True, slots=True)
class Fleet:
    """Vehicles that need ``energy_mwh`` within ``hours``, hours of the day, at ``power_mw`` or less."""

    hours: tuple[int, ...]
    power_mw: float
    energy_mwh: float


@dataclass(frozen=True, slots=True)
class Storage:
    """A battery; ``efficiency`` holds in each direction, the day ends with the energy it began with."""

    power_mw: float
    efficiency: float
    least_mwh: float
    most_mwh: float
    initial_mwh: float


@dataclass(frozen=True, slots=True)
class Aggregator:
    """Fleets and a storage at one bus."""

    bus: int
    fleets: dict[int, Fleet]
    storage: Storage


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """Everything the network and the aggregators need to know.

    Prices are ``(24,)``, yuan/MWh: of energy at the substation, and of the real-time market to buy and to sell;
    ``load_share`` ``(24,)`` scales the demand of all buses.
    """

    feeder: Feeder
    voltage: Voltage
    aggregators: dict[int, Aggregator]
    load_share: Floats
    energy_price: Floats
    buy_price: Floats
    sell_price: Floats

    def demand_mw(self, bus: int, hour: int) -> float:
        """Return the active demand of a bus without aggregators."""
        return float(self.load_share[hour] * self.feeder.demand_kw[bus] / 1000)

    def demand_mvar(self, bus: int, hour: int) -> float:
        """Return the reactive demand of a bus."""
        return float(self.load_share[hour] * self.feeder.demand_kvar[bus] / 1000)


def read_instance(folder: Path = FOLDER) -> Instance:
    """Read an instance on the 33-bus feeder.

    Raises
    ------
    DataError
        When something is missing, not a number, out of its range, or contradicts something else: a real-time market
        that pays more than it asks would be bought from and sold to at once.
    """
    parameters = read_parameters(folder / "parameters.toml", _PARAMETERS)
    network, feeder = parameters["network"], ieee33()
    voltage = Voltage(network["least_voltage_pu"], network["most_voltage_pu"], network["substation_voltage_pu"])
    if not voltage.least <= voltage.substation <= voltage.most:
        raise DataError(
            f"parameters.toml, [network], key substation_voltage_pu: {voltage.substation:g} is not between "
            f"{voltage.least:g} and {voltage.most:g}"
        )
    load, energy, buy, sell = _read_hours(folder / "hours.csv")
    efficiency = parameters["storage"]["efficiency"]
    aggregators = _read_aggregators(folder / "aggregators.csv", folder / "fleets.csv", feeder, efficiency)
    return Instance(feeder, voltage, aggregators, load, energy, buy, sell)


def _read_hours(path: Path) -> tuple[Floats, Floats, Floats, Floats]:
    columns = ("load_share", "energy_price_yuan_per_mwh", "real_time_buy_yuan_per_mwh", "real_time_sell_yuan_per_mwh")
    table = read_table(path, {"hour": Kind.WHOLE} | dict.fromkeys(columns, Kind.NONNEGATIVE))
    in_order(path, table, "hour", HOURS)
    load, energy, buy, sell = (np.array(table[column]) for column in columns)
    for hour in HOURS:
        if sell[hour] > buy[hour]:
            raise DataError(
                f"{path.name}, row {hour + 2}, column {columns[3]}: {sell[hour]:g} is above the price to buy, "
                f"{buy[hour]:g}"
            )
    return load, energy, buy, sell


def _read_aggregators(path: Path, fleets: Path, feeder: Feeder, efficiency: float) -> dict[int, Aggregator]:
    columns = ("storage_mw", "storage_least_mwh", "storage_most_mwh", "storage_initial_mwh")
    table = read_table(path, {"aggregator": Kind.WHOLE, "bus": Kind.WHOLE} | dict.fromkeys(columns, Kind.NONNEGATIVE))
    unique(path, table, "aggregator")
    known = [int(number) for number in table["aggregator"]]
    cars = _read_fleets(fleets, path, known)
    aggregators = {}
    for row, (number, bus, power, least, most, initial) in enumerate(
        zip(known, table["bus"], *(table[column] for column in columns), strict=True), 2
    ):
        if bus not in feeder.buses:
            raise DataError(f"{path.name}, row {row}, column bus: the feeder has no bus {bus:g}")
        if not least <= initial <= most:
            raise DataError(
                f"{path.name}, row {row}, column storage_initial_mwh: {initial:g} is not between {least:g} and {most:g}"
            )
        storage = Storage(power, efficiency, least, most, initial)
        aggregators[number] = Aggregator(int(bus), cars.get(number, {}), storage)
    return aggregators


def _read_fleets(path: Path, aggregators: Path, known: list[int]) -> dict[int, dict[int, Fleet]]:
    table = read_table(
        path,
        {
            "aggregator": Kind.WHOLE,
            "fleet": Kind.WHOLE,
            "arrival_hour": Kind.WHOLE,
            "departure_hour": Kind.WHOLE,
            "power_mw": Kind.POSITIVE,
            "energy_mwh": Kind.NONNEGATIVE,
        },
    )
    found: dict[int, dict[int, Fleet]] = {}
    for row, (owner, number, arrival, departure, power, energy) in enumerate(zip(*table.values(), strict=True), 2):
        where = f"{path.name}, row {row}, column"
        if owner not in known:
            raise DataError(f"{where} aggregator: {owner:g} is not in {aggregators.name}")
        stay = stay_hours(f"{path.name}, row {row}", arrival, departure)
        if energy > power * (departure - arrival):
            raise DataError(f"{where} energy_mwh: only {power * (departure - arrival):g} MWh can be charged")
        fleets = found.setdefault(int(owner), {})
        if number in fleets:
            raise DataError(f"{where} fleet: aggregator {owner:g} has fleet {number:g} twice")
        fleets[int(number)] = Fleet(stay, power, energy)
    return found
