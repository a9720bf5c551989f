"""The three levels by backward induction, in closed form: what the game is held against, and what draws its curves."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.trilevel_stations.data import GROUPS, STATIONS, Instance
from models.trilevel_stations.voltages import State, Voltages
from reformulations.programs import Floats

_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Outcome:
    """Prices and subsidies of the stations, where each group goes and what it buys.

    ``buys`` is ``(2 groups, 2 stations)``, 0 where a group does not go.
    """

    subsidy: tuple[float, float]
    price: tuple[float, float]
    place: tuple[int, int]
    buys: Floats

    @property
    def moved(self) -> float:
        """What passes between operator and stations, in either direction."""
        return float(np.abs(self.subsidy) @ self.buys.sum(axis=0))

    @property
    def profits(self) -> tuple[float, float]:
        """Of the stations, subsidies included."""
        earned = (np.array(self.price) + self.subsidy) * self.buys.sum(axis=0)
        return float(earned[0]), float(earned[1])

    def load_mw(self, data: Instance) -> tuple[float, float]:
        """Return the loads at buses 5 and 6."""
        loads = data.network["unit_mw"] * self.buys.sum(axis=0)
        return float(loads[0]), float(loads[1])


def at_prices(
    data: Instance, price: tuple[float, float], subsidy: tuple[float, float] = (0.0, 0.0)
) -> Iterator[Outcome]:
    """Yield what the groups may do at the prices: one outcome, or one for each way to break their ties."""
    demand = data.demand(np.array(price))
    surplus = demand**2
    best = [[j for j in STATIONS if surplus[k, j] >= surplus[k].max() - _TIE] for k in GROUPS]
    for place in itertools.product(*best):
        buys = np.where(np.arange(len(STATIONS)) == np.array(place)[:, None], demand, 0.0)
        yield Outcome(subsidy, price, (place[0], place[1]), buys)


def monopoly_price(data: Instance, j: int, subsidy: float) -> float:
    """Return the best price of a station that counts on every group: half of mean taste less subsidy."""
    taste = data.taste[:, j]
    return float(np.clip((taste.mean() - subsidy) / 2, 0, taste.min()))


def at_subsidies(data: Instance, subsidy: tuple[float, float]) -> Iterator[Outcome]:
    """Yield what stations and groups may do, each station as if every group came to it."""
    yield from at_prices(data, (monopoly_price(data, 0, subsidy[0]), monopoly_price(data, 1, subsidy[1])), subsidy)


def cheapest(data: Instance, voltages: Voltages, *, pessimistic: bool = False) -> Outcome | None:
    """Return the outcome of least cost among all pairs of subsidies, trying one after the other; None without any.

    Ties of groups are broken for the operator, or against it: then every way to break them has to be safe.
    """
    pairs = itertools.product(data.subsidies, repeat=len(STATIONS))
    ways = [list(at_subsidies(data, (float(one), float(two)))) for one, two in pairs]
    candidates = [[way] for some in ways for way in some] if not pessimistic else ways
    for some in sorted(candidates, key=lambda some: max(way.moved for way in some)):
        if all(is_safe(data, voltages(*way.load_mw(data))) for way in some):
            return some[0]
    return None


def is_safe(data: Instance, state: State) -> bool:
    """Return whether voltages are within limits; without an operating point they are not."""
    return data.network["least_voltage_pu"] <= state.least and state.most <= data.network["most_voltage_pu"]
