"""The hours one after the other: prices of each, and the vehicles that each leaves to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.traffic_stations.data import Hour, Instance
from models.traffic_stations.hour import Answer, HourGame, Tariff
from models.traffic_stations.search import pattern_search
from models.traffic_stations.users import Users
from reformulations.programs import Floats

STARTS = (1.8,)
"""Uniform prices from which the search starts: others end in worse prices at times, prices far from uniform often."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the stations pay, and how much unfinished trips burden the next hour."""

    name: str
    tariff: Tariff
    weight: float
    charge: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The hours of one case; ``games`` answer further prices, ``before`` is what the first hour was left with."""

    case: Case
    games: tuple[HourGame, ...]
    answers: tuple[Answer, ...]
    before: Floats

    @property
    def profit(self) -> float:
        """Of all hours, yuan."""
        return sum(answer.profit for answer in self.answers)

    @property
    def energy_mwh(self) -> float:
        """Charged in all hours."""
        return float(sum(answer.flows.power_mw.sum() for answer in self.answers))

    @property
    def mean_price(self) -> float:
        """What drivers pay for a kWh on average."""
        bill = sum(float(answer.price @ answer.flows.power_mw) for answer in self.answers)
        return bill / self.energy_mwh

    @property
    def residual_error(self) -> float:
        """How far ``sum W_mod = sum W + xi r_0 - xi r_T`` is from true, vehicles."""
        weight = self.case.weight
        served = sum(answer.flows.vehicles for answer in self.answers)
        asked = sum(game.vehicles for game in self.games)
        change = weight * (self.before - self.answers[-1].residual)
        return float(np.abs(served - asked - change).max())

    def price_of(self, hour: Hour) -> Floats:
        """Return the prices of an hour ``(stations,)``."""
        numbers = [game.hour.number for game in self.games]
        return self.answers[numbers.index(hour.number)].price

    @property
    def boundary_error(self) -> float:
        """How far what the last hour leaves is from what the first took over, vehicles: 0 for a day that repeats."""
        return float(np.abs(self.answers[-1].residual - self.before).max())

    @property
    def burdened(self) -> list[int]:
        """Hours whose unfinished trips would outnumber the vehicles, which the model is not made for."""
        return [
            game.hour.number
            for game, answer in zip(self.games, self.answers, strict=True)
            if np.any(self.case.weight * answer.residual > answer.flows.vehicles)
        ]


def four_cases(weight: float, charge: float) -> tuple[Case, ...]:
    """Return fixed tariff and game, each without and with residual flow."""
    return (
        Case("1 fixed tariff", "fixed", 0.0, charge),
        Case("2 fixed tariff, residual flow", "fixed", weight, charge),
        Case("3 game", "nodal", 0.0, charge),
        Case("4 game, residual flow", "nodal", weight, charge),
    )


def solve_case(
    data: Instance,
    case: Case,
    *,
    before: Floats | None = None,
    starts: Callable[[HourGame], Sequence[Floats]] | None = None,
    progress: Callable[[Case, Hour], None] | None = None,
) -> Outcome:
    """Return the best prices found hour by hour, the residual of each passed on to the next.

    The first hour takes over ``before`` ``(trips,)``, nothing by default; ``starts`` further starts of the search.
    """
    first = np.zeros(len(data.vehicles_per_h)) if before is None else before
    users, games, answers, left = Users(data), [], [], first
    for hour in data.hours:
        game = HourGame(data, hour, case.tariff, left, weight=case.weight, charge=case.charge, users=users)
        answer = best_answer(game, () if starts is None else starts(game))
        games.append(game)
        answers.append(answer)
        left = answer.residual
        if progress is not None:
            progress(case, hour)
    return Outcome(case, tuple(games), tuple(answers), first)


def best_answer(game: HourGame, more: Sequence[Floats] = ()) -> Answer:
    """Return the best answer that the pattern search finds from uniform prices and from ``more``.

    Raises
    ------
    ValueError
        When the network cannot serve what drivers draw at any price tried.
    """
    stations = len(game.data.station_bus)
    ends = [pattern_search(game.profit, start) for start in (*more, *(np.full(stations, at) for at in STARTS))]
    price, profit = max(ends, key=lambda end: end[1])
    answer = game.evaluate(price) if np.isfinite(profit) else None
    if answer is None:
        raise ValueError(f"hour {game.hour.number}: the network cannot serve the drivers at any price tried")
    return answer


def with_value_of_time(data: Instance, value: float) -> Instance:
    """Return the instance with another value of time, yuan/h."""
    return replace(data, drivers=replace(data.drivers, value_of_time=value))
