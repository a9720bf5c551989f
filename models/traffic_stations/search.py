"""A pattern search for prices on the exact answers of drivers and operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from reformulations.programs import Floats

STEPS = (0.2, 0.1, 0.05, 0.02, 0.01)
"""Steps of prices, yuan/kWh."""


def pattern_search(
    profit: Callable[[Floats], float], start: Floats, steps: Sequence[float] = STEPS
) -> tuple[Floats, float]:
    """Return a price that no common shift and no change of one price by the last step improves, and its profit.

    A local search (Hooke and Jeeves, Journal of the ACM 8, 1961): nothing is proven about other prices.
    """
    directions = np.vstack([np.ones((1, len(start))), np.eye(len(start))])
    best, value = start, profit(start)
    for step in steps:
        improved = True
        while improved:
            improved = False
            for direction in (*directions, *-directions):
                moved = best + step * direction
                found = profit(moved)
                while found > value + 1e-9 * (1 + abs(value)):
                    best, value, improved = moved, found, True
                    moved = best + step * direction
                    found = profit(moved)
    return best, value
