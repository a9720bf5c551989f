"""Users, stations and credit points, read from the files beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Literal

from models.credit_points.data import FOLDER
from models.networks import Feeder
from models.tables import DataError, Kind, read_parameters, read_table, unique

Period = Literal["peak", "valley"]
PERIODS: tuple[Period, ...] = ("peak", "valley")
DELAYS = {"on_time": 2.5, "late": 12.5, "missed": 30.0}
"""Minutes between booking and arrival that the paper counts for each kind of charge."""

_PARAMETERS = {
    "credit": {
        "delay_per_minute": Kind.NONNEGATIVE,
        "valley_weight": Kind.NONNEGATIVE,
        "history_weight": Kind.FRACTION,
    },
    "fee": {
        "coefficient_yuan_per_kwh": Kind.NONNEGATIVE,
        "mean_yuan_per_kwh": Kind.NONNEGATIVE,
        "most_yuan_per_kwh": Kind.NONNEGATIVE,
    },
    "users": {"yuan_per_minute": Kind.NONNEGATIVE},
}
_USER = {"user": Kind.WHOLE, "energy_kwh": Kind.POSITIVE} | dict.fromkeys(DELAYS, Kind.WHOLE)
_SHARES = ("recommended_share", "valley_share")
_STATION = {
    "station": Kind.WHOLE,
    "bus": Kind.WHOLE,
    "recommended": Kind.WHOLE,
    "queue_peak_minutes": Kind.NONNEGATIVE,
    "queue_valley_minutes": Kind.NONNEGATIVE,
}


@dataclass(frozen=True, slots=True)
class User:
    """What a user charges, how past charges went, and what else counts in the choice.

    ``valley_bother_yuan`` is what charging in the valley is a bother, ``minutes`` those of driving to each station.
    """

    energy_kwh: float
    charges: Mapping[str, float]
    recommended_share: float
    valley_share: float
    valley_bother_yuan: float
    minutes: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Station:
    """A station at a bus; ``queue_minutes`` by period."""

    bus: int
    recommended: bool
    queue_minutes: Mapping[Period, float]


@dataclass(frozen=True, slots=True)
class Credit:
    """How points are counted, and the limits of the fee in yuan/kWh."""

    delay_per_minute: float
    valley_weight: float
    history_weight: float
    most_coefficient: float
    mean_coefficient: float
    most_fee: float
    yuan_per_minute: float


@dataclass(frozen=True, slots=True)
class Users:
    """Users, stations and the rules of the credit."""

    users: Mapping[int, User]
    stations: Mapping[int, Station]
    credit: Credit

    @property
    def options(self) -> list[tuple[int, Period]]:
        """Where and when a user can charge."""
        return [(station, period) for station in self.stations for period in PERIODS]

    def points(self, user: User) -> float:
        """Return a user's points: the mean of ``exp(-phi delay) + K + mu t`` over past charges.

        ``K`` is 1 at a recommended station and -1 elsewhere, ``t`` is 1 in the valley and -1 in the peak. The paper
        sums over charges and users, which drives the fee to 0 or beyond all bounds as they grow; a mean does not.
        """
        rule, total = self.credit, sum(user.charges.values())
        kept = sum(count * exp(-rule.delay_per_minute * DELAYS[kind]) for kind, count in user.charges.items())
        return kept / total + (2 * user.recommended_share - 1) + rule.valley_weight * (2 * user.valley_share - 1)

    def factor(self, user: User, station: int, period: Period) -> float:
        """Return ``exp(-points)``, what the coefficient of a station and period is multiplied with for a user.

        The charge that is booked counts as one on time: ``1 + K + mu t``.
        """
        rule = self.credit
        place = 1.0 if self.stations[station].recommended else -1.0
        booked = 1.0 + place + rule.valley_weight * (1.0 if period == "valley" else -1.0)
        return exp(-(rule.history_weight * self.points(user) + (1 - rule.history_weight) * booked))

    def bother_yuan(self, user: User, station: int, period: Period) -> float:
        """Return what driving, queueing and the hour of the day are worth to a user."""
        minutes = user.minutes[station] + self.stations[station].queue_minutes[period]
        late = user.valley_bother_yuan if period == "valley" else 0.0
        return self.credit.yuan_per_minute * minutes + late


def read_users(feeder: Feeder, folder: Path = FOLDER) -> Users:
    """Read users, stations and credit.

    Raises
    ------
    DataError
        When something is missing, not a number, out of its range, or contradicts something else.
    """
    rules = read_parameters(folder / "credit.toml", _PARAMETERS)
    stations = _read_stations(folder / "stations.csv", feeder)
    users = _read_users(folder / "users.csv", list(stations))
    credit = Credit(
        *(value for section in _PARAMETERS for value in (rules[section][key] for key in _PARAMETERS[section]))
    )
    return Users(users, stations, credit)


def _read_stations(path: Path, feeder: Feeder) -> dict[int, Station]:
    table = read_table(path, _STATION)
    unique(path, table, "station")
    stations = {}
    for row, (number, bus, recommended, peak, valley) in enumerate(zip(*table.values(), strict=True), 2):
        if bus not in feeder.buses:
            raise DataError(f"{path.name}, row {row}, column bus: the feeder has no bus {bus:g}")
        if recommended not in (0, 1):
            raise DataError(f"{path.name}, row {row}, column recommended: {recommended:g} is not 0 or 1")
        stations[int(number)] = Station(int(bus), bool(recommended), {"peak": peak, "valley": valley})
    return stations


def _read_users(path: Path, stations: list[int]) -> dict[int, User]:
    driving = {number: f"minutes_{number}" for number in stations}
    columns = _USER | dict.fromkeys((*_SHARES, "valley_bother_yuan"), Kind.NONNEGATIVE)
    columns |= dict.fromkeys(driving.values(), Kind.NONNEGATIVE)
    table = read_table(path, columns)
    unique(path, table, "user")
    users = {}
    for row, cells in enumerate(zip(*table.values(), strict=True), 2):
        line = dict(zip(table, cells, strict=True))
        for share in _SHARES:
            if line[share] > 1:
                raise DataError(f"{path.name}, row {row}, column {share}: {line[share]:g} is above 1")
        charges = {kind: line[kind] for kind in DELAYS}
        if not sum(charges.values()):
            raise DataError(f"{path.name}, row {row}, column on_time: no past charge, so there are no points")
        users[int(line["user"])] = User(
            line["energy_kwh"],
            charges,
            line["recommended_share"],
            line["valley_share"],
            line["valley_bother_yuan"],
            {number: line[column] for number, column in driving.items()},
        )
    return users
