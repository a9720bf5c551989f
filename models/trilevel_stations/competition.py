"""The stations without an operator: who anticipates what of the other's price.

On a finite menu of prices the stations' profits are two matrices, the groups' answers worked in. A station may take no
notice of the other ("all": as if every group came to it), both may set prices at once, or one of them first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

import bilevel as bl
from models.trilevel_stations.data import GROUPS, STATIONS, Instance
from reformulations.programs import Floats

_TIE = 1e-12
_HABIT = 1e-3
"""Surplus that keeps a group that is indifferent at the first station, for both stations alike: each of several leaders
would else count on the tie."""


@dataclass(frozen=True, slots=True)
class Payoffs:
    """Profits of the stations ``(prices of the first, prices of the second)``; indifferent groups go to the first."""

    prices: Floats
    first: Floats
    second: Floats

    def pure_equilibria(self) -> list[tuple[float, float]]:
        """Return all pairs of prices at which neither station gains, by enumeration."""
        best = (self.first >= self.first.max(axis=0) - _TIE) & (
            self.second >= self.second.max(axis=1, keepdims=True) - _TIE
        )
        return [(float(self.prices[i]), float(self.prices[j])) for i, j in np.argwhere(best)]

    def led_by(self, leader: int) -> tuple[float, float]:
        """Return the prices when station ``leader`` sets its own first, by enumeration; ties in its favour."""
        own, other = (self.first, self.second) if leader == 0 else (self.second.T, self.first.T)
        answers = other >= other.max(axis=1, keepdims=True) - _TIE
        i, j = np.unravel_index(np.argmax(np.where(answers, own, -np.inf)), own.shape)
        pair = float(self.prices[i]), float(self.prices[j])
        return pair if leader == 0 else (pair[1], pair[0])


def payoffs(data: Instance, step: float) -> Payoffs:
    """Return the profits on the menu 0, ``step``, ... up to the largest taste."""
    prices: Floats = step * np.arange(round(float(data.taste.max()) / step) + 1, dtype=np.float64)
    first, second = np.zeros((len(prices),) * 2), np.zeros((len(prices),) * 2)
    for k in GROUPS:
        demand = [np.maximum(0.0, (data.taste[k, j] - prices) / 2) for j in STATIONS]
        stays = demand[0][:, None] >= demand[1][None, :] - _TIE
        first += np.where(stays, (prices * demand[0])[:, None], 0.0)
        second += np.where(stays, 0.0, (prices * demand[1])[None, :])
    return Payoffs(prices, first, second)


def first_mover(table: Payoffs, leader: int) -> pyo.ConcreteModel:
    """Return the game in which station ``leader`` sets its price first and the other answers: a menu for each."""
    own, other = (table.first, table.second) if leader == 0 else (table.second.T, table.first.T)
    items = range(len(table.prices))
    m = pyo.ConcreteModel("one station first")
    m.asks = pyo.Var(items, domain=pyo.Binary)
    m.one = pyo.Constraint(expr=sum(m.asks.values()) == 1)

    def expected(payoff: Floats) -> Any:
        return sum(payoff[i, j] * m.asks[i] * m.rival.asks[j] for i in items for j in items if payoff[i, j])

    m.rival = bl.Follower()
    m.rival.asks = pyo.Var(items, bounds=(0, 1))
    m.rival.one = pyo.Constraint(expr=sum(m.rival.asks.values()) == 1)
    m.rival.profit = pyo.Objective(expr=expected(other), sense=pyo.maximize)
    m.profit = pyo.Objective(expr=expected(own), sense=pyo.maximize)
    return m


def contender(data: Instance, prices: Floats, j: int) -> tuple[pyo.ConcreteModel, Any, Any]:
    """Return the game of station ``j`` against a given price of the other, its decision and the rival's stand-in."""
    items = range(len(prices))
    demand = {
        (i, k, s): max(0.0, float(data.taste[k, s] - prices[i]) / 2) for i in items for k in GROUPS for s in STATIONS
    }
    m = pyo.ConcreteModel(f"station {j + 1}")
    m.asks, m.rival = pyo.Var(items, domain=pyo.Binary), pyo.Var(items, domain=pyo.Binary)
    m.one = pyo.Constraint(expr=sum(m.asks.values()) == 1)

    @m.Follower(GROUPS)
    def group(group: Any, k: int) -> None:
        group.comes = pyo.Var(bounds=(0, 1))  # to station j; otherwise it goes to the other
        better = (_HABIT if j == 0 else -_HABIT) + sum(
            demand[i, k, j] ** 2 * m.asks[i] - demand[i, k, 1 - j] ** 2 * m.rival[i] for i in items
        )
        group.surplus = pyo.Objective(expr=better * group.comes, sense=pyo.maximize)

    sales = sum(prices[i] * demand[i, k, j] * m.asks[i] * m.group[k].comes for i in items for k in GROUPS)
    m.profit = pyo.Objective(expr=sales, sense=pyo.maximize)
    return m, m.asks, m.rival


def best_responses(data: Instance, prices: Floats, start: tuple[float, float]) -> bl.Equilibrium:
    """Return where best responses of the stations end, from the prices ``start`` of the menu."""
    names = [f"station {j + 1}" for j in STATIONS]
    games = [contender(data, prices, j) for j in STATIONS]
    return bl.nash(
        {names[j]: bl.Contender(games[j][0], games[j][1], {names[1 - j]: games[j][2]}) for j in STATIONS},
        {names[j]: {i: float(np.isclose(prices[i], start[j])) for i in range(len(prices))} for j in STATIONS},
        threads=1,
    )


def price_of(decision: dict[Any, float], prices: Floats) -> float:
    """Return the price that a station's decision picks."""
    return float(prices @ [decision[i] for i in range(len(prices))])
