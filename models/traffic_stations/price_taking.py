"""Stations that take their purchase price as given: the iteration of the paper, which need not settle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.traffic_stations.hour import HourGame
from models.traffic_stations.search import pattern_search
from reformulations.programs import Floats


@dataclass(frozen=True, slots=True)
class Rounds:
    """How much the purchase price moved in each round, yuan/MWh, how it ended, and what the last prices earn.

    ``circle`` counts the rounds after which a purchase price returned; 0 where none did, 1 where it settled.
    """

    changes: tuple[float, ...]
    circle: int
    profit: float

    @property
    def settled(self) -> bool:
        """Whether the purchase price answers itself."""
        return self.circle == 1

    def __str__(self) -> str:
        said = {0: "does not settle", 1: "settles"}.get(self.circle, f"runs in a circle of {self.circle} rounds")
        moves = ", ".join(f"{change:.1f}" for change in self.changes)
        return f"taking purchase prices as given {said}: they move by {moves} yuan/MWh; it earns {self.profit:.1f} yuan"


def take_prices(game: HourGame, start: Floats, rounds: int = 10, tolerance: float = 0.1) -> Rounds:
    """Answer given purchase prices with the best charging prices, take the marginal cost there for the next round.

    At a kink of the operator's cost no price need be the marginal cost of the load it brings about: the iteration may
    then run in a circle; it ends where a purchase price returns, or after ``rounds``.
    """
    purchase, earned = np.full(len(start), game.hour.grid_price), -np.inf
    seen = [purchase]
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
        ago = [back for back, old in enumerate(reversed(seen), 1) if np.abs(purchase - old).max() <= tolerance]
        if ago:
            return Rounds(tuple(changes), ago[0], earned)
        seen.append(purchase)
    return Rounds(tuple(changes), 0, earned)
