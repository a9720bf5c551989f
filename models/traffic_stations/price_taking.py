"""Stations that take their purchase price as given: the iteration of the paper, which need not settle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.traffic_stations.hour import HourGame
from models.traffic_stations.search import pattern_search
from reformulations.programs import Floats


@dataclass(frozen=True, slots=True)
class Rounds:
    """How much the purchase price moved in each round, yuan/MWh, whether it settled, and what the last prices earn."""

    changes: tuple[float, ...]
    settled: bool
    profit: float

    def __str__(self) -> str:
        said = "settles" if self.settled else "does not settle"
        moves = ", ".join(f"{change:.1f}" for change in self.changes)
        return f"taking purchase prices as given {said}: they move by {moves} yuan/MWh; it earns {self.profit:.1f} yuan"


def take_prices(game: HourGame, start: Floats, rounds: int = 10, tolerance: float = 0.1) -> Rounds:
    """Answer given purchase prices with the best charging prices, take the marginal cost there for the next round.

    At a kink of the operator's cost no price need be the marginal cost of the load it brings about: the iteration may
    then run in a circle, and ends after ``rounds``.
    """
    purchase, earned = np.full(len(start), game.hour.grid_price), -np.inf
    changes: list[float] = []
    for _ in range(rounds):
        given = purchase

        def profit(at: Floats, given: Floats = given) -> float:
            answer = game.evaluate(at)
            return -np.inf if answer is None else float((1000 * at - given) @ answer.flows.power_mw)

        price, _ = pattern_search(profit, start)
        answer = game.evaluate(price)
        if answer is None:
            break
        purchase = answer.dispatch.price
        earned = float((1000 * price - purchase) @ answer.flows.power_mw)
        changes.append(float(np.abs(purchase - given).max()))
        if changes[-1] <= tolerance:
            return Rounds(tuple(changes), settled=True, profit=earned)
    return Rounds(tuple(changes), settled=False, profit=earned)
