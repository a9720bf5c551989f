"""What must hold between fixed tariff and game, and against other prices."""

from __future__ import annotations

import numpy as np

from models.traffic_stations.checks import Check, congestion_margin
from models.traffic_stations.day import Outcome
from models.traffic_stations.hour import HourGame
from reformulations.programs import Floats

RELATIVE = 2e-3
"""A local search is not asked for more than this against its samples."""


def tariff_checks(fixed: Outcome, game: Outcome) -> tuple[Check, ...]:
    """Return two statements on case 3 against case 1, both without residual flow.

    At the prices of the fixed tariff the stations would earn ``sum (c_fix - c_nodal) P`` more if they paid the marginal
    cost, so the game is worth at least that, where it is positive. And without curtailed wind, reverse flow or
    overvoltage the marginal cost is at least the grid's price: no game is worth more than a fixed tariff at that price.
    """
    margins = [congestion_margin(one, answer) for one, answer in zip(fixed.games, fixed.answers, strict=True)]
    shortfall = max(
        (answer.profit + margin - better.profit) / better.profit
        for answer, margin, better in zip(fixed.answers, margins, game.answers, strict=True)
        if margin >= 0
    )
    below = max(
        float((one.hour.grid_price - answer.dispatch.price).max())
        for one, answer in zip(game.games, game.answers, strict=True)
    )
    return (
        Check("game below fixed tariff plus its margin, relative", shortfall, 0.0),
        Check("marginal cost below the grid's price by, yuan/MWh", below, 1e-6),
    )


def sample_check(game: HourGame, best: float, count: int, seed: int = 1) -> Check:
    """Return by how much any of ``count`` random prices and 20 uniform ones beats ``best``, relatively."""
    random = np.random.default_rng(seed)
    stations = len(game.data.station_bus)
    prices: list[Floats] = [*random.uniform(1.2, 2.4, (count, stations))]
    prices += [np.full(stations, level) for level in np.linspace(1.2, 2.4, 20)]
    found = max(game.profit(price) for price in prices)
    return Check(f"better among {count} random and 20 uniform prices, relative", (found - best) / abs(best), RELATIVE)
