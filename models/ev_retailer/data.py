"""The data of the EV retailer, read from the files beside this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from models.stays import check_energy, stay_hours
from models.tables import DataError, Kind, in_order, read_parameters, read_table, unique
from reformulations.programs import Floats

FOLDER = Path(__file__).with_name("data")
HOURS = range(24)
"""Hours of the day; hour 18 lasts from 18:00 to 19:00."""

Utility = Literal["decreasing", "constant"]
Terminal = Literal["departure", "cyclic"]

_PARAMETERS = {
    "fleet": {
        "vehicles": Kind.POSITIVE,
        "power_kw": Kind.POSITIVE,
        "efficiency": Kind.FRACTION,
        "least_energy_kwh": Kind.NONNEGATIVE,
        "most_energy_kwh": Kind.POSITIVE,
        "utility_at_arrival_yuan_per_kwh": Kind.NONNEGATIVE,
    },
    "retail_price": {
        "least_yuan_per_kwh": Kind.NONNEGATIVE,
        "most_yuan_per_kwh": Kind.POSITIVE,
        "mean_yuan_per_kwh": Kind.POSITIVE,
    },
    "market": {"day_ahead_limit_kw": Kind.POSITIVE, "real_time_limit_kw": Kind.POSITIVE},
    "storage": {
        "power_kw": Kind.NONNEGATIVE,
        "efficiency": Kind.FRACTION,
        "least_energy_kwh": Kind.NONNEGATIVE,
        "most_energy_kwh": Kind.POSITIVE,
        "initial_energy_kwh": Kind.NONNEGATIVE,
    },
    "history": {"days": Kind.WHOLE, "confidence": Kind.FRACTION},
}


@dataclass(frozen=True, slots=True)
class Battery:
    """Limits of a battery; ``efficiency`` holds in each direction."""

    power_kw: float
    efficiency: float
    least_energy_kwh: float
    most_energy_kwh: float


@dataclass(frozen=True, slots=True)
class Stay:
    """When vehicles of one type are plugged in, and what energy they bring and need.

    ``hours`` are hours of the day in order, past midnight where the stay is overnight; ``utility_yuan_per_kwh``
    ``(len(hours),)`` is the worth of energy that is stored in each of them.
    """

    hours: tuple[int, ...]
    arrival_energy_kwh: float
    departure_energy_kwh: float
    utility_yuan_per_kwh: Floats


@dataclass(frozen=True, slots=True)
class Instance:
    """Everything the game needs to know.

    Attributes
    ----------
    stays
        One stay for each type of vehicle, by the type's number.
    share, probability
        Of the types ``(len(stays),)`` and of the scenarios ``(len(scenarios),)``; each sums to 1.
    real_time_price
        ``(len(scenarios), 24)``, yuan/kWh.
    day_ahead_price, day_ahead_slope
        A purchase of ``p`` kW in hour ``t`` costs ``day_ahead_price[t] + day_ahead_slope[t] p`` yuan/kWh.
    load_share, energy_price
        ``(24,)`` each: what the other buses of the feeder draw of their full demand, and the price of energy at the
        substation, yuan/kWh; the day-ahead price was fitted to power flows at these.
    price_limits
        Least and most retail price and the cap on its mean, yuan/kWh.
    """

    vehicles: float
    vehicle: Battery
    stays: dict[int, Stay]
    share: Floats
    scenarios: tuple[int, ...]
    probability: Floats
    real_time_price: Floats
    day_ahead_price: Floats
    day_ahead_slope: Floats
    load_share: Floats
    energy_price: Floats
    price_limits: tuple[float, float, float]
    day_ahead_limit_kw: float
    real_time_limit_kw: float
    storage: Battery
    initial_energy_kwh: float
    history_days: int
    confidence: float


def read_instance(
    folder: Path = FOLDER,
    *,
    types: int | None = None,
    scenarios: int | None = None,
    utility: Utility = "decreasing",
    terminal: Terminal = "departure",
) -> Instance:
    """Read an instance, of the first ``types`` and ``scenarios`` only where these are given.

    Shares and probabilities of a part are scaled to sum to 1. ``utility`` falls linearly over the stay from its
    value at arrival, ``u (1 - k/K)`` in the ``k``-th of ``K`` hours, or keeps the mean of that throughout; with
    ``terminal="cyclic"`` a vehicle leaves with the energy it brought.

    Raises
    ------
    DataError
        When something is missing, not a number, out of its range, or contradicts something else.
    """
    parameters = read_parameters(folder / "parameters.toml", _PARAMETERS)
    fleet, retail, market, storage = (parameters[item] for item in ("fleet", "retail_price", "market", "storage"))
    vehicle = _battery(fleet)
    stays, share = _read_stays(
        folder / "ev_types.csv", vehicle, fleet["utility_at_arrival_yuan_per_kwh"], utility, terminal
    )
    chosen, probability = _read_scenarios(folder / "scenarios.csv")
    chosen, probability = chosen[:scenarios], probability[:scenarios]
    day_ahead_price, day_ahead_slope, load_share, energy_price = _read_day_ahead(folder / "day_ahead_prices.csv")
    _check_order(retail["least_yuan_per_kwh"], retail["mean_yuan_per_kwh"], retail["most_yuan_per_kwh"], "retail price")
    _check_order(storage["least_energy_kwh"], storage["initial_energy_kwh"], storage["most_energy_kwh"], "storage")
    return Instance(
        vehicles=fleet["vehicles"],
        vehicle=vehicle,
        stays=dict(list(stays.items())[:types]),
        share=share[:types] / share[:types].sum(),
        scenarios=chosen,
        probability=probability / probability.sum(),
        real_time_price=_read_real_time(folder / "real_time_prices.csv", chosen),
        day_ahead_price=day_ahead_price,
        day_ahead_slope=day_ahead_slope,
        load_share=load_share,
        energy_price=energy_price,
        price_limits=(retail["least_yuan_per_kwh"], retail["most_yuan_per_kwh"], retail["mean_yuan_per_kwh"]),
        day_ahead_limit_kw=market["day_ahead_limit_kw"],
        real_time_limit_kw=market["real_time_limit_kw"],
        storage=_battery(storage),
        initial_energy_kwh=storage["initial_energy_kwh"],
        history_days=int(parameters["history"]["days"]),
        confidence=parameters["history"]["confidence"],
    )


def _battery(section: dict[str, float]) -> Battery:
    return Battery(section["power_kw"], section["efficiency"], section["least_energy_kwh"], section["most_energy_kwh"])


def _check_order(least: float, between: float, most: float, what: str) -> None:
    if not least <= between <= most:
        raise DataError(f"parameters.toml: {what} {between:g} is not between {least:g} and {most:g}")


def _read_stays(
    path: Path, vehicle: Battery, utility_at_arrival: float, utility: Utility, terminal: Terminal
) -> tuple[dict[int, Stay], Floats]:
    table = read_table(
        path,
        {
            "type": Kind.WHOLE,
            "share": Kind.POSITIVE,
            "arrival_hour": Kind.WHOLE,
            "departure_hour": Kind.WHOLE,
            "arrival_energy_kwh": Kind.NONNEGATIVE,
            "departure_energy_kwh": Kind.NONNEGATIVE,
        },
    )
    unique(path, table, "type")
    stays = {}
    for row, (number, arrival, departure, brought, needed) in enumerate(
        zip(*(table[item] for item in ("type", *list(table)[2:])), strict=True), 2
    ):
        where = f"{path.name}, row {row}"
        hours = stay_hours(where, arrival, departure)
        limits = vehicle.least_energy_kwh, vehicle.most_energy_kwh
        check_energy(where, brought, needed, limits, vehicle.efficiency * vehicle.power_kw * len(hours))
        falling = utility_at_arrival * (1 - np.arange(len(hours)) / len(hours))
        worth = falling if utility == "decreasing" else np.full(len(hours), falling.mean())
        stays[int(number)] = Stay(hours, brought, needed if terminal == "departure" else brought, worth)
    share = np.array(table["share"])
    return stays, share


def _read_scenarios(path: Path) -> tuple[tuple[int, ...], Floats]:
    table = read_table(path, {"scenario": Kind.WHOLE, "probability": Kind.POSITIVE})
    unique(path, table, "scenario")
    return tuple(int(number) for number in table["scenario"]), np.array(table["probability"])


def _read_real_time(path: Path, scenarios: tuple[int, ...]) -> Floats:
    table = read_table(path, {"scenario": Kind.WHOLE, "hour": Kind.WHOLE, "price_yuan_per_kwh": Kind.NONNEGATIVE})
    unique(path, table, "scenario", "hour")
    keys = zip(table["scenario"], table["hour"], strict=True)
    price = dict(zip(keys, table["price_yuan_per_kwh"], strict=True))
    for scenario in scenarios:
        for hour in HOURS:
            if (scenario, hour) not in price:
                raise DataError(f"{path.name}: there is no row for scenario {scenario}, hour {hour}")
    return np.array([[price[scenario, hour] for hour in HOURS] for scenario in scenarios])


def _read_day_ahead(path: Path) -> tuple[Floats, Floats, Floats, Floats]:
    columns = ("price_yuan_per_kwh", "slope_yuan_per_kwh_per_kw", "load_share", "energy_price_yuan_per_kwh")
    table = read_table(path, {"hour": Kind.WHOLE} | dict.fromkeys(columns, Kind.NONNEGATIVE))
    in_order(path, table, "hour", HOURS)
    price, slope, load, energy = (np.array(table[column]) for column in columns)
    return price, slope, load, energy
