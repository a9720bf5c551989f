"""What must hold between fixed tariff and game, and against other prices."""

from __future__ import annotations

import numpy as np

from models.traffic_stations.checks import Check, congestion_margin
from models.traffic_stations.day import Outcome
from models.traffic_stations.hour import Answer, HourGame
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


def upper_check(at_grid_price: Outcome, game: Outcome) -> Check:
    """Return by how much the game exceeds a fixed tariff at the grid's price, relatively.

    Where no marginal cost is below the grid's price, no game is worth more than such a tariff (without residual flow).
    """
    excess = (game.profit - at_grid_price.profit) / at_grid_price.profit
    return Check("game above fixed tariff at the grid's price, relative", excess, 0.0)


def sign_check(base: float, heavier: float, slower: float, weighted: float) -> Check:
    """Return the largest relative rise where table 4 of the paper falls: no theorem, but so with the data shipped.

    Profits at value of time and weight (100, 0.5), (100, 0.6), (150, 0.6) and (150, 0.5). More weight of the residual
    earns less, and so does a higher value of time.
    """
    falls = ((base, heavier), (weighted, slower), (base, weighted), (heavier, slower))
    worst = max((after - first) / first for first, after in falls)
    return Check("profit rises with weight or value of time, relative", worst, 0.0)


def grid_check(game: HourGame, answer: Answer, reach: float = 0.12, count: int = 13) -> Check:
    """Return by how much a price of a grid around the answer's is better, relatively.

    The grid has a shift of all prices and a shift of the station that draws most, each up to ``reach`` yuan/kWh.
    """
    shifts = np.linspace(-reach, reach, count)
    most = np.eye(len(answer.price))[int(np.argmax(answer.flows.power_mw))]
    found = max(game.profit(answer.price + one + other * most) for one in shifts for other in shifts)
    return Check(f"better among {count**2} prices around, relative", (found - answer.profit) / answer.profit, RELATIVE)


def sample_check(game: HourGame, best: float, count: int, seed: int = 1) -> Check:
    """Return by how much any of ``count`` random prices and 20 uniform ones beats ``best``, relatively."""
    random = np.random.default_rng(seed)
    stations = len(game.data.station_bus)
    prices: list[Floats] = [*random.uniform(1.2, 2.4, (count, stations))]
    prices += [np.full(stations, level) for level in np.linspace(1.2, 2.4, 20)]
    found = max(game.profit(price) for price in prices)
    return Check(f"better among {count} random and 20 uniform prices, relative", (found - best) / abs(best), RELATIVE)
