"""The data of stations, network and traffic, read from the files beside this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from models.networks import Feeder, ieee33
from models.tables import DataError, Kind, read_parameters, read_table, unique
from models.traffic_stations.routes import Arc, Routes, read_routes
from reformulations.programs import Floats

FOLDER = Path(__file__).with_name("data")

Horizon = Literal["evening", "day"]

_PARAMETERS = {
    "drivers": {
        "value_of_time_yuan_per_h": Kind.POSITIVE,
        "congestion": Kind.NONNEGATIVE,
        "energy_kwh": Kind.POSITIVE,
        "energy_kwh_per_km": Kind.NONNEGATIVE,
        "pile_kw": Kind.POSITIVE,
        "waiting_h": Kind.POSITIVE,
        "waiting_reference_veh_per_h": Kind.POSITIVE,
        "least_outside_yuan": Kind.NONNEGATIVE,
        "most_outside_yuan": Kind.POSITIVE,
        "residual_weight": Kind.NONNEGATIVE,
    },
    "price": {
        "least_yuan_per_kwh": Kind.NONNEGATIVE,
        "most_yuan_per_kwh": Kind.POSITIVE,
        "network_charge_yuan_per_mwh": Kind.NUMBER,
    },
    "network": {
        "station_power_factor": Kind.FRACTION,
        "slack_voltage": Kind.POSITIVE,
        "least_voltage": Kind.POSITIVE,
        "most_voltage": Kind.POSITIVE,
        "substation_mva": Kind.POSITIVE,
        "wind_bus": Kind.WHOLE,
        "wind_mw": Kind.NONNEGATIVE,
        "wind_reactive_ratio": Kind.NONNEGATIVE,
        "curtailment_yuan_per_mwh": Kind.NONNEGATIVE,
        "shedding_yuan_per_mwh": Kind.POSITIVE,
    },
}
_HOURS = {
    "hour": Kind.WHOLE,
    "load_multiplier": Kind.NONNEGATIVE,
    "grid_price_yuan_per_kwh": Kind.POSITIVE,
    "wind_share": Kind.NONNEGATIVE,
    "demand_factor": Kind.POSITIVE,
}


@dataclass(frozen=True, slots=True)
class Drivers:
    """What drivers care about; costs in yuan a vehicle, times in hours."""

    value_of_time: float
    congestion: float
    waiting_h: float
    waiting_reference: float
    least_outside: float
    most_outside: float
    residual_weight: float


@dataclass(frozen=True, slots=True)
class Operator:
    """Limits and costs of the distribution system operator; ``response`` maps a bus to MW and yuan/MWh."""

    reactive_ratio: float
    slack_voltage: float
    least_voltage: float
    most_voltage: float
    substation_mva: float
    wind_bus: int
    wind_mw: float
    wind_reactive_ratio: float
    wind_factor: Floats
    probability: Floats
    curtailment: float
    shedding: float
    response: dict[int, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour: its number, load, grid price in yuan/MWh, available wind and demand for trips."""

    number: int
    load: float
    grid_price: float
    wind: float
    demand: float


@dataclass(frozen=True, slots=True)
class Instance:
    """Everything the game needs to know.

    Attributes
    ----------
    routes
        What drivers choose from.
    vehicles_per_h
        Of each trip at demand factor 1 ``(trips,)``.
    station_bus
        The bus of each station, in the order of ``routes.stations``.
    station_limit_mw
        ``(stations,)``.
    price_limits
        Least and most charging price, yuan/kWh.
    network_charge
        What the fixed tariff adds to the grid price, yuan/MWh.
    """

    routes: Routes
    vehicles_per_h: Floats
    drivers: Drivers
    station_bus: tuple[int, ...]
    station_limit_mw: Floats
    price_limits: tuple[float, float]
    network_charge: float
    feeder: Feeder
    operator: Operator
    hours: tuple[Hour, ...]


def read_instance(folder: Path = FOLDER, *, horizon: Horizon = "evening") -> Instance:
    """Read an instance: six evening hours, or the whole day.

    Raises
    ------
    DataError
        When something is missing, not a number, out of its range, or contradicts something else.
    """
    parameters = read_parameters(folder / "parameters.toml", _PARAMETERS)
    drivers, price, network = (parameters[item] for item in ("drivers", "price", "network"))
    for section, low, high in (
        (drivers, "least_outside_yuan", "most_outside_yuan"),
        (price, "least_yuan_per_kwh", "most_yuan_per_kwh"),
        (network, "least_voltage", "slack_voltage"),
        (network, "slack_voltage", "most_voltage"),
    ):
        if section[low] > section[high]:
            raise DataError(f"parameters.toml: {low} {section[low]:g} is above {high} {section[high]:g}")
    feeder = ieee33()
    stations, buses, limit = _read_stations(folder / "stations.csv", feeder, network["station_power_factor"])
    arcs = _read_arcs(folder / "arcs.csv")
    trips, vehicles = _read_trips(folder / "trips.csv", arcs)
    energy_kwh = drivers["energy_kwh"], drivers["energy_kwh_per_km"]
    routes = read_routes(folder / "routes.csv", arcs, trips, stations, energy_kwh, drivers["pile_kw"])
    if network["wind_bus"] not in feeder.buses:
        raise DataError(f"parameters.toml, [network], key wind_bus: bus {network['wind_bus']:g} is not in the feeder")
    return Instance(
        routes=routes,
        vehicles_per_h=vehicles,
        drivers=Drivers(
            drivers["value_of_time_yuan_per_h"],
            drivers["congestion"],
            drivers["waiting_h"],
            drivers["waiting_reference_veh_per_h"],
            drivers["least_outside_yuan"],
            drivers["most_outside_yuan"],
            drivers["residual_weight"],
        ),
        station_bus=buses,
        station_limit_mw=limit,
        price_limits=(price["least_yuan_per_kwh"], price["most_yuan_per_kwh"]),
        network_charge=price["network_charge_yuan_per_mwh"],
        feeder=feeder,
        operator=_read_operator(folder, network, feeder),
        hours=_read_hours(folder / ("evening.csv" if horizon == "evening" else "hours.csv")),
    )


def _read_arcs(path: Path) -> tuple[Arc, ...]:
    columns = {"from": Kind.WHOLE, "to": Kind.WHOLE}
    columns |= dict.fromkeys(("length_km", "t0_h", "capacity_veh_per_h"), Kind.POSITIVE)
    table = read_table(path, columns)
    arcs = tuple(
        Arc(int(source), int(target), length, hours, capacity)
        for source, target, length, hours, capacity in zip(*(table[name] for name in columns), strict=True)
    )
    unique(path, table, "from", "to")
    for row, arc in enumerate(arcs, 2):
        if arc.source == arc.target:
            raise DataError(f"{path.name}, row {row}, column to: an arc from {arc.source} to itself")
    return arcs


def _read_trips(path: Path, arcs: tuple[Arc, ...]) -> tuple[tuple[tuple[int, int], ...], Floats]:
    table = read_table(path, {"origin": Kind.WHOLE, "destination": Kind.WHOLE, "ev_per_h_base": Kind.POSITIVE})
    nodes = {arc.source for arc in arcs} | {arc.target for arc in arcs}
    unique(path, table, "origin", "destination")
    trips = tuple(zip(map(int, table["origin"]), map(int, table["destination"]), strict=True))
    for row, trip in enumerate(trips, 2):
        for column, node in zip(("origin", "destination"), trip, strict=True):
            if node not in nodes:
                raise DataError(f"{path.name}, row {row}, column {column}: node {node} is not in arcs.csv")
        if trip[0] == trip[1]:
            raise DataError(f"{path.name}, row {row}, column destination: a trip from {trip[0]} to itself")
    return trips, np.array(table["ev_per_h_base"])


def _read_stations(path: Path, feeder: Feeder, factor: float) -> tuple[tuple[int, ...], tuple[int, ...], Floats]:
    table = read_table(path, {"traffic_node": Kind.WHOLE, "grid_bus_1based": Kind.WHOLE, "s_rated_kva": Kind.POSITIVE})
    unique(path, table, "traffic_node")
    unique(path, table, "grid_bus_1based")
    _known_buses(path, "grid_bus_1based", table["grid_bus_1based"], feeder)
    nodes, buses = (tuple(map(int, table[name])) for name in ("traffic_node", "grid_bus_1based"))
    return nodes, buses, np.array(table["s_rated_kva"]) / 1000 * factor


def _read_operator(folder: Path, network: dict[str, float], feeder: Feeder) -> Operator:
    path = folder / "demand_response.csv"
    table = read_table(path, {"bus": Kind.WHOLE, "power_mw": Kind.NONNEGATIVE, "cost_yuan_per_mwh": Kind.NONNEGATIVE})
    unique(path, table, "bus")
    _known_buses(path, "bus", table["bus"], feeder)
    winds = {"scenario": Kind.WHOLE, "probability": Kind.POSITIVE, "factor": Kind.NONNEGATIVE}
    wind = read_table(folder / "wind.csv", winds)
    unique(folder / "wind.csv", wind, "scenario")
    probability = np.array(wind["probability"])
    if abs(probability.sum() - 1) > 1e-9:  # noqa: PLR2004 - rounding of decimals that sum to one
        raise DataError(f"wind.csv, column probability: the sum is {probability.sum():g}, not 1")
    factor = network["station_power_factor"]
    return Operator(
        reactive_ratio=float(np.sqrt(1 - factor**2) / factor),
        slack_voltage=network["slack_voltage"],
        least_voltage=network["least_voltage"],
        most_voltage=network["most_voltage"],
        substation_mva=network["substation_mva"],
        wind_bus=int(network["wind_bus"]),
        wind_mw=network["wind_mw"],
        wind_reactive_ratio=network["wind_reactive_ratio"],
        wind_factor=np.array(wind["factor"]),
        probability=probability,
        curtailment=network["curtailment_yuan_per_mwh"],
        shedding=network["shedding_yuan_per_mwh"],
        response={
            int(bus): (power, cost)
            for bus, power, cost in zip(table["bus"], table["power_mw"], table["cost_yuan_per_mwh"], strict=True)
        },
    )


def _known_buses(path: Path, column: str, buses: list[float], feeder: Feeder) -> None:
    for row, bus in enumerate(buses, 2):
        if bus not in feeder.buses:
            raise DataError(f"{path.name}, row {row}, column {column}: bus {bus:g} is not in the feeder")


def _read_hours(path: Path) -> tuple[Hour, ...]:
    table = read_table(path, _HOURS)
    unique(path, table, "hour")
    return tuple(
        Hour(int(hour), load, 1000 * price, wind, demand)
        for hour, load, price, wind, demand in zip(*(table[name] for name in _HOURS), strict=True)
    )
