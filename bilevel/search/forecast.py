"""How many nodes a branch and bound will need, from how its bound has risen so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FIRST = 50
"""Nodes at the first record; each later one is at twice as many as the one before."""

WINDOW = 3
"""Doublings that a forecast looks back on; with fewer there is none."""


RELIABLE = 6400
"""Nodes from which a forecast is believed; in half as many it may come out twice too large, and so on."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Proven bounds of a minimum, recorded at 50, 100, 200, ... nodes.

    Where parts of the least bound are split first, a bound rises by about the same at each doubling of the nodes::

        needed = nodes * 2 ** (gap / rise)          rise: of the bound, for each doubling

    It comes out too large rather than too small: the incumbent is not the optimum, and the last nodes close by
    themselves.
    """

    bounds: tuple[float, ...] = ()

    def is_due(self, nodes: int) -> bool:
        """Tell whether the bound at so many nodes is to be recorded."""
        return nodes >= FIRST << len(self.bounds)

    def recorded(self, bound: float) -> Forecast:
        """Return the forecast with one more bound."""
        return Forecast((*self.bounds, bound))

    def exceeds(self, most: float, best: float) -> bool:
        """Tell whether more than ``most`` nodes are needed, by an early forecast with room for that it will fall."""
        room = max(1.0, RELIABLE / (FIRST << max(len(self.bounds) - 1, 0)))
        return self.needed(best) > room * most

    def needed(self, best: float) -> float:
        """Return how many nodes close the gap to ``best``: NaN when nothing can be said, infinite without a rise."""
        if len(self.bounds) <= WINDOW or not np.isfinite([best, self.bounds[-1 - WINDOW]]).all():
            return np.nan
        rise = (self.bounds[-1] - self.bounds[-1 - WINDOW]) / WINDOW
        doublings = (best - self.bounds[-1]) / rise if rise > 0 else np.inf
        with np.errstate(over="ignore"):
            return float(FIRST * np.exp2(len(self.bounds) - 1 + max(doublings, 0.0)))
