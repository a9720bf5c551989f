"""Exchanges on the active set: pairs that are zero on both sides change sides while the leader gains."""

from __future__ import annotations

import numpy as np

from bilevel.search.pattern_programs import GAIN, Found, PatternPrograms
from reformulations.programs import Booleans, Floats

ZERO = 1e-7
"""Multipliers up to this size, and slacks up to ten times it, count as zero: the tolerances of HiGHS."""

_TURNS = 20
_SINGLES = 5


def zero_slacks(programs: PatternPrograms, point: Floats) -> Booleans:
    """Mask the inequalities ``(p,)`` whose slack is zero at a point."""
    pairs = programs.mpec.complementarity
    return ~pairs.equality & (pairs.slacks(point) <= 10 * ZERO * (1 + np.abs(pairs.offset)))


def exchanged(programs: PatternPrograms, active: Booleans, found: Found) -> Found:
    """Improve the best point of a pattern by moving biactive pairs to the other side.

    At a pair with ``lambda = s = 0`` both sides of the complementarity hold the point, so the optimum over the pattern
    with the pair exchanged is no worse. It can be better where the objective falls along the side that the pattern
    does not allow: ``d objective / d s < 0`` for a slack held at zero, ``d objective / d lambda < 0`` for a multiplier.
    All such pairs are exchanged at once. Where that gains nothing, pairs are exchanged one at a time, active ones
    with a positive multiplier too: others may take that over where the followers' multipliers are not unique. Where no
    biactive pair pulls, the point is strongly stationary (Scheel & Scholtes 2000, doi:10.1287/moor.25.1.1.15213).
    """
    for _ in range(_TURNS):
        pull, biactive = _pull(programs, active, found)
        order = np.argsort(pull)[: np.count_nonzero(pull < -GAIN)]
        together = order[biactive[order]]
        for chosen in ([together] if len(together) > 1 else []) + list(order[:_SINGLES, np.newaxis]):
            flipped = active.copy()
            flipped[chosen] = ~active[chosen]
            other = programs.at(flipped, found.point)
            if other is not None and found.is_worse_than(other):
                active, found = flipped, other
                break
        else:
            return found
    return found


def _pull(programs: PatternPrograms, active: Booleans, found: Found) -> tuple[Floats, Booleans]:
    """Return ``(p,)`` the objective's slopes along the sides that the pattern shuts, zero elsewhere; biactive pairs."""
    mpec, pairs = programs.mpec, programs.mpec.complementarity
    multiplier, zero = found.point[pairs.multiplier], zero_slacks(programs, found.point)
    biactive = ~pairs.equality & zero & (np.abs(multiplier) <= ZERO)
    first = np.minimum(pairs.slack.indptr[:-1], max(pairs.slack.nnz - 1, 0))
    column, sign = pairs.slack.indices[first], pairs.slack.data[first]
    by_slack = np.where(pairs.row >= 0, found.row_duals[pairs.row], found.column_duals[column] / sign)
    by_multiplier = np.where(mpec.columns.upper[pairs.multiplier] > 0, found.column_duals[pairs.multiplier], 0.0)
    open_to = np.where(active, zero & ~pairs.equality, biactive)
    return np.where(open_to, np.where(active, by_slack, by_multiplier), 0.0), biactive
