"""Columns of one follower that are never both off their bounds, as rows among the binaries of a big-M program.

Two columns ``y_1, y_2`` of a follower are parallel when its rows, bounds apart, see them alike: ``V_1 d_1 + V_2 d_2``
is zero for some ``d``. Moving them along ``-d`` changes no row, and the objective by ``-(g_1 d_1 + g_2 d_2)``, where
``g(x, y)`` is its gradient. Where that is a strict gain at every decision within the columns' bounds, no optimal
response is free to move so: one of the two stands at the bound that stops it. With a binary that is one where a
bound is active::

    active_1 + active_2 >= 1

Charging and discharging one battery is the example: with losses, no price makes both worth while. The relaxation does
not know that, since it may take half of each.

Exact when
    the followers are convex, as their optimality conditions require anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy import sparse

from reformulations.interval import activity_range
from reformulations.programs import MPEC, Booleans, Integers, Matrix, Names, Rows

MOST_PARALLEL = 6
"""Larger groups of parallel columns are left alone: their pairs would be too many rows for what they say."""

_DIGITS = 9
_STRICT = 1e-7
"""A gain smaller than this, relative to the terms that it adds up, may be rounding."""


def opposed_rows(mpec: MPEC, binaries: Integers) -> Rows:
    """Return rows over the columns of the MPEC and one binary, 1 where active, for each entry of ``binaries``."""
    pairs, size = mpec.complementarity, len(mpec.columns)
    binary = np.full(len(pairs), -1, np.int64)
    binary[binaries] = np.arange(len(binaries))
    covers = [binary[cover] + size for cover in _covers(mpec) if np.all(binary[cover] >= 0)]
    row = np.repeat(np.arange(len(covers)), [len(cover) for cover in covers])
    column = np.concatenate([np.empty(0, np.int64), *covers])
    shape = (len(covers), size + len(binaries))
    return Rows(
        sparse.csr_array((np.ones(len(column)), (row, column)), shape=shape),
        np.ones(len(covers)),
        np.full(len(covers), np.inf),
        Names(
            len(covers), lambda k: f"one of {pairs.names[int(binaries[covers[k][0] - size])]} and its opposed column"
        ),
    )


def _covers(mpec: MPEC) -> Iterator[Integers]:
    """Yield the entries of the complementarity of which one is active in every optimal response."""
    bounds = _entries_of_bounds(mpec)
    condition, side = mpec.rows.matrix[mpec.stationarity.row], mpec.rows.lower[mpec.stationarity.row]
    own = np.zeros(len(mpec.columns), bool)
    own[mpec.complementarity.multiplier] = True
    gradient = _only(condition, ~own)
    for first, second, ratio in _parallel(mpec, condition):
        step = np.array([1.0, -ratio])
        form = sparse.csr_array(step[np.newaxis] @ gradient[[first, second]])
        terms = float(np.sum(np.abs(step * side[[first, second]])))
        least, most = (
            float(end[0]) - float(step @ side[[first, second]])
            for end in activity_range(form, mpec.columns.lower, mpec.columns.upper)
        )
        if not least > _STRICT * (1 + terms):
            step, least = -step, -most
        if least > _STRICT * (1 + terms):
            columns = mpec.stationarity.column[[first, second]].tolist()
            stops = [bounds.get((column, np.sign(by))) for column, by in zip(columns, step, strict=True)]
            if any(stop is not None for stop in stops):
                yield np.array([stop for stop in stops if stop is not None], np.int64)


def _entries_of_bounds(mpec: MPEC) -> dict[tuple[int, float], int]:
    """Return the entry of each bound by its column and by +1 (lower) or -1 (upper)."""
    pairs = mpec.complementarity
    found = {}
    for entry in np.flatnonzero((pairs.row < 0) & ~pairs.equality).tolist():
        at = pairs.slack.indptr[entry]
        found[int(pairs.slack.indices[at]), float(np.sign(pairs.slack.data[at]))] = entry
    return found


def _parallel(mpec: MPEC, condition: Matrix) -> Iterator[tuple[int, int, float]]:
    """Yield pairs of conditions in which the multipliers of rows are proportional, and their ratio."""
    of_row = np.zeros(len(mpec.columns), bool)
    of_row[mpec.complementarity.multiplier[(mpec.complementarity.row >= 0) | mpec.complementarity.equality]] = True
    seen = _only(condition, of_row)
    groups: dict[bytes, list[tuple[int, float]]] = {}
    for k in range(seen.shape[0]):
        begin, end = seen.indptr[k : k + 2]
        if begin < end:
            scale = float(seen.data[begin])
            pattern = np.round(seen.data[begin:end] / scale, _DIGITS) + 0.0
            groups.setdefault(seen.indices[begin:end].tobytes() + pattern.tobytes(), []).append((k, scale))
    for group in groups.values():
        if len(group) <= MOST_PARALLEL:
            for (first, one), (second, other) in combinations(group, 2):
                yield first, second, one / other


def _only(matrix: Matrix, columns: Booleans) -> Matrix:
    kept = sparse.csr_array(matrix @ sparse.diags_array(columns.astype(np.float64)))
    kept.eliminate_zeros()
    return kept
