"""Solve the game against the power flow: loads at which voltages are too low are excluded, and it is solved again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyomo.environ as pyo

import bilevel as bl
from models.trilevel_stations.data import GROUPS, STATIONS, Instance
from models.trilevel_stations.game import trilevel_stations
from models.trilevel_stations.induction import Outcome, is_safe
from models.trilevel_stations.voltages import State, Voltages


@dataclass(frozen=True, slots=True)
class Round:
    """One solution of the game, what it means and the voltages there; no outcome where the game is infeasible."""

    solution: bl.Solution
    outcome: Outcome | None
    state: State | None


def play(data: Instance, voltages: Voltages) -> Iterator[Round]:
    """Yield rounds until the voltages hold, or nothing is left; in the first the stations are alone, without subsidies.

    Every outcome with voltages in their limits is in the last game, because voltages fall in both loads, so that its
    optimum is the one of the game with the power flow.
    """
    too_high: list[tuple[float, float]] = []
    offered = replace(data, subsidies=np.zeros(1))
    while True:
        m = trilevel_stations(offered, too_high)
        solution = bl.solve(m, threads=1)
        if solution.point is None:
            yield Round(solution, None, None)
            return
        outcome = outcome_of(m)
        loads = outcome.load_mw(data)
        state = voltages(*loads)
        yield Round(solution, outcome, state)
        if is_safe(data, state):
            return
        too_high.append(loads)
        offered = data


def outcome_of(m: pyo.ConcreteModel) -> Outcome:
    """Read the solved game."""
    one, two = (pyo.value(m.subsidy[j]) for j in STATIONS)
    price, other = (pyo.value(m.station[j].price) for j in STATIONS)
    place = [max(STATIONS, key=lambda j, k=k: pyo.value(m.goes_to[k, j])) for k in GROUPS]  # type: ignore[misc]
    buys = np.array([[pyo.value(m.buys[k, j]) for j in STATIONS] for k in GROUPS])
    return Outcome((one, two), (price, other), (place[0], place[1]), buys)
