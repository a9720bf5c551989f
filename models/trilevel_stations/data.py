"""The data of operator, stations and groups of vehicles, read from the files beside this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.tables import DataError, Kind, in_order, read_parameters, read_table
from reformulations.programs import Floats

FOLDER = Path(__file__).with_name("data")
STATIONS = (0, 1)
"""The stations at buses 5 and 6 of the nine-bus system."""
GROUPS = (0, 1)

_PARAMETERS = {
    "menus": dict.fromkeys(("price_step", "most_price", "subsidy_step", "most_subsidy"), Kind.POSITIVE),
    "network": dict.fromkeys(
        ("unit_mw", "least_voltage_pu", "most_voltage_pu", "blind_5_mw", "blind_6_mw"), Kind.POSITIVE
    ),
}
_TASTES = {"group": Kind.WHOLE, "station_1": Kind.NONNEGATIVE, "station_2": Kind.NONNEGATIVE}


@dataclass(frozen=True, slots=True)
class Instance:
    """Everything the game needs to know.

    Attributes
    ----------
    taste
        What the first unit is worth to each group at each station ``(2 groups, 2 stations)``; a group that buys ``x``
        at price ``p`` has ``taste x - x^2 - p x``.
    prices, subsidies
        Menus of the stations and of the operator, price units; a negative subsidy is a surcharge.
    network
        Section of parameters.toml: load of a unit in MW, limits of voltage, loads of the first scenario.
    """

    taste: Floats
    prices: Floats
    subsidies: Floats
    network: dict[str, float]

    def demand(self, price: Floats | float) -> Floats:
        """Return what each group buys at each station at ``price``: ``max(0, (taste - price) / 2)``."""
        return np.asarray(np.maximum(0.0, (self.taste - price) / 2))

    def surplus(self, price: Floats | float) -> Floats:
        """Return what a group has of it: the square of its demand."""
        return np.asarray(self.demand(price) ** 2)


def read_instance(folder: Path = FOLDER, *, tastes: str = "corrected", surcharge: bool = False) -> Instance:
    """Read ``parameters.toml`` and ``tastes_*.csv``; with ``surcharge`` the operator may also take from stations.

    Raises
    ------
    DataError
        When something is missing, not a number, or out of its range.
    """
    parameters = read_parameters(folder / "parameters.toml", _PARAMETERS)
    path = folder / f"tastes_{tastes}.csv"
    table = read_table(path, _TASTES)
    in_order(path, table, "group", (1, 2))
    menus, network = parameters["menus"], parameters["network"]
    if network["least_voltage_pu"] >= network["most_voltage_pu"]:
        raise DataError("parameters.toml, [network], key most_voltage_pu: not above the least voltage")
    subsidies = _menu(menus["subsidy_step"], menus["most_subsidy"])
    if surcharge:
        subsidies = np.concatenate([-subsidies[:0:-1], subsidies])
    taste = np.array([table["station_1"], table["station_2"]]).T
    return Instance(taste, _menu(menus["price_step"], menus["most_price"]), subsidies, network)


def _menu(step: float, most: float) -> Floats:
    return np.asarray(step * np.arange(round(most / step) + 1), np.float64)
