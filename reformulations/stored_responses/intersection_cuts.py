"""Intersection cuts: linear rows that cut off a vertex inside a convex set without bilevel feasible points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from reformulations.programs import Floats, Integers
from reformulations.stored_responses.high_point import HighPoint
from reformulations.stored_responses.integer_responses import Block

BASIC, AT_UPPER, FREE = 1, 2, 3
"""Statuses in a :class:`Basis`; any other is at the lower side."""

_INSIDE = 1e-6
_SMALL = 1e-7
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Vertex:
    """A vertex of ``lower <= z <= upper, row_lower <= matrix @ z <= row_upper`` with a basis.

    ``matrix`` ``(m, n)`` is dense; ``columns`` ``(n,)`` and ``rows`` ``(m,)`` are statuses.
    """

    point: Floats
    matrix: Floats
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    columns: Integers
    rows: Integers


def free_set(relaxation: HighPoint, block: Block) -> tuple[Floats, Floats]:
    """Return ``forms @ z <= sides`` whose interior has no bilevel feasible point.

    ::

        v >= f(x, y_k(x)),       a_i x <= t_i   for each level

    Inside, the response could be played and is better than what the follower does
    (Fischetti, Ljubic, Monaci and Sinnl, Operations Research 65, 2017, doi:10.1287/opre.2017.1650).
    """
    size, n = len(relaxation.program.columns), len(relaxation.game.columns)
    forms, sides = np.zeros((1 + len(block.levels), size)), np.empty(1 + len(block.levels))
    forms[0, :n] = block.cost.toarray().ravel()
    forms[0, relaxation.value[block.follower]] -= 1.0
    sides[0] = -block.constant
    for i, level in enumerate(block.levels, start=1):
        forms[i, list(level.columns)] = level.coefficients
        sides[i] = level.threshold
    return forms, sides


def intersection_cut(vertex: Vertex, forms: Floats, sides: Floats) -> tuple[Floats, float] | None:
    """Return ``(a, b)`` with ``a @ z >= b`` violated at the vertex and valid where the set's interior is excluded.

    ::

        sum_j s_j / step_j >= 1         s_j: distance of a nonbasic column or row from its side

    with ``step_j`` how far the ray of ``j`` runs inside the set (Balas, Operations Research 19(1), 1971). Valid within
    the vertex's bounds. None where the vertex is not inside or the numbers are not to be trusted.
    """
    room = sides - forms @ vertex.point
    if room.min() <= _INSIDE:
        return None
    basic = np.flatnonzero(vertex.columns == BASIC)
    out_columns, out_rows = np.flatnonzero(vertex.columns != BASIC), np.flatnonzero(vertex.rows != BASIC)
    if len(basic) != len(out_rows):
        return None
    try:
        price = linalg.solve(vertex.matrix[np.ix_(out_rows, basic)].T, forms[:, basic].T).T if len(basic) else None
    except (linalg.LinAlgError, linalg.LinAlgWarning):
        return None
    price = np.zeros((len(forms), 0)) if price is None else price
    column_sign = np.where(vertex.columns[out_columns] == AT_UPPER, -1.0, 1.0)
    row_sign = np.where(vertex.rows[out_rows] == AT_UPPER, -1.0, 1.0)
    reduced = forms[:, out_columns] - price @ vertex.matrix[np.ix_(out_rows, out_columns)]
    of_columns = np.maximum((reduced * column_sign / room[:, None]).max(axis=0), 0.0)
    of_rows = np.maximum((price * row_sign / room[:, None]).max(axis=0, initial=0.0), 0.0)
    of_columns[(vertex.lower == vertex.upper)[out_columns] | (of_columns < _ROUNDING)] = 0.0
    of_rows[(vertex.row_lower == vertex.row_upper)[out_rows] | (of_rows < _ROUNDING)] = 0.0
    if np.any(of_columns[vertex.columns[out_columns] == FREE]) or np.any(of_rows[vertex.rows[out_rows] == FREE]):
        return None
    column_side = np.where(column_sign > 0, vertex.lower[out_columns], vertex.upper[out_columns])
    row_side = np.where(row_sign > 0, vertex.row_lower[out_rows], vertex.row_upper[out_rows])
    cut = (of_rows * row_sign) @ vertex.matrix[out_rows]
    cut[out_columns] += of_columns * column_sign
    counted, used = of_columns > 0, of_rows > 0
    side = 1.0 + float((of_columns * column_sign)[counted] @ column_side[counted])
    side += float((of_rows * row_sign)[used] @ row_side[used])
    return _cleaned(vertex, cut, side)


def _cleaned(vertex: Vertex, cut: Floats, side: float) -> tuple[Floats, float] | None:
    """Return the cut scaled, without small coefficients, weakened by rounding; None where little is left of it."""
    scale = float(np.abs(cut).max(initial=0.0))
    if not 0.0 < scale < 1.0 / _SMALL or not np.isfinite(side):
        return None
    cut, side = cut / scale, side / scale
    small = (cut != 0) & (np.abs(cut) < _SMALL)
    most = np.where(cut > 0, vertex.upper, vertex.lower)
    if not np.isfinite(most[small]).all():
        return None
    side -= float(cut[small] @ most[small]) + _SMALL * max(1.0, abs(side)) * 1e-1
    cut[small] = 0.0
    return (cut, side) if side - cut @ vertex.point > _INSIDE else None
