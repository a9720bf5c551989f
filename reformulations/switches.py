"""Rows by which the leader switches off one variable of a follower: interdiction."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from reformulations.high_point import HighPoint
from reformulations.interval import activity_range
from reformulations.programs import LEADER, Floats

_SMALL = 1e-6


def switching_rows(relaxation: HighPoint, follower: int) -> dict[int, int]:
    """Return the rows that only switch off one column of the follower, and that column.

    Such a row ``y_c <= u (1 - x_j)`` has one own column and one of the leader's, and every row of the follower stays
    satisfied when ``y_c`` falls to its lower bound. A response that uses ``y_c`` where ``x_j`` forbids it is then
    feasible without it, and no worse than by the cost of ``y_c`` (down-monotone interdiction games: Fischetti, Ljubic,
    Monaci and Sinnl, INFORMS Journal on Computing 31, 2019, doi:10.1287/ijoc.2018.0831).
    """
    game, player = relaxation.game, int(relaxation.followers[follower])
    rows = np.flatnonzero(relaxation.decided & (game.row_owner == player))
    matrix = sparse.csr_array(game.rows.matrix[rows])
    by_column = sparse.csc_array(matrix)
    lower, upper = game.rows.lower[rows], game.rows.upper[rows]
    fine = np.isfinite(game.columns.lower) & (game.column_owner == player)
    for terms in (game.rows.products, game.objectives.products):
        fine[terms.left], fine[terms.right] = False, False
    found: dict[int, int] = {}
    for i in np.flatnonzero(np.diff(matrix.indptr) == 2).tolist():  # noqa: PLR2004 - the switch and what it switches
        columns, data = matrix.indices[matrix.indptr[i] :][:2], matrix.data[matrix.indptr[i] :][:2]
        own = int(np.argmax(fine[columns]))
        column, switch = int(columns[own]), int(columns[1 - own])
        if not fine[column] or game.column_owner[switch] != LEADER:
            continue
        places = by_column.indices[by_column.indptr[column] : by_column.indptr[column + 1]]
        values = by_column.data[by_column.indptr[column] : by_column.indptr[column + 1]]
        falls = np.where(values > 0, np.isneginf(lower[places]), np.isposinf(upper[places]))
        least, most = activity_range(
            sparse.csr_array([[data[1 - own]]]), game.columns.lower[[switch]], game.columns.upper[[switch]]
        )
        rest = float(data[own] * game.columns.lower[column])
        if bool(falls.all()) and most[0] + rest <= upper[i] and least[0] + rest >= lower[i]:
            found[int(rows[i])] = column
    return found


def gain_of(relaxation: HighPoint, column: int, amount: float) -> float:
    """Return what ``amount`` more of a column is worth to its follower, at least nothing."""
    game = relaxation.game
    player = int(game.column_owner[column])
    return max(
        0.0, -float(game.objectives.sense[player] * game.objectives.linear[[player]][:, [column]].sum()) * amount
    )


def substitutes(relaxation: HighPoint, follower: int, point: Floats) -> tuple[tuple[int, int], ...]:
    """Return pairs of switching rows: where the first one's column is forbidden, the second one's can be used instead.

    ``point`` ``(n,)`` holds the leader's decision and the follower's response to it. A column ``b`` that the response
    does not use and the leader leaves alone replaces ``a``, which it uses, wherever one unit of ``b`` takes no more of
    any row than ``a`` does; each column stands in one pair. The response's value, with ``p`` what columns are worth,
    then becomes::

        sum_a p_a y_a - p_a [a forbidden] + p_b ([a forbidden] - [b forbidden])      at least

    (lifted interdiction cuts: Fischetti, Ljubic, Monaci and Sinnl, INFORMS Journal on Computing 31, 2019,
    doi:10.1287/ijoc.2018.0831).
    """
    game = relaxation.game
    switching = switching_rows(relaxation, follower)
    columns = list(switching.values())
    once = {row: column for row, column in switching.items() if columns.count(column) == 1}
    rows = np.flatnonzero(relaxation.decided & (game.row_owner == relaxation.followers[follower]))
    matrix = game.rows.matrix[rows].toarray()
    place = {int(row): i for i, row in enumerate(rows)}
    excess, floor = point - game.columns.lower, game.columns.lower
    used = [row for row, column in once.items() if excess[column] > _SMALL]
    spare = [
        row for row, column in once.items() if excess[column] <= _SMALL and _is_allowed(relaxation, row, column, point)
    ]
    spare.sort(key=lambda row: -gain_of(relaxation, once[row], 1.0))
    pairs: list[tuple[int, int]] = []
    for second in spare:
        b = once[second]
        gain = gain_of(relaxation, b, 1.0)
        for first in used:
            a = once[first]
            change = matrix[:, b] - matrix[:, a] * excess[a]
            change[[place[first], place[second]]] = 0.0
            fits = np.all((change <= 0) | np.isposinf(game.rows.upper[rows]))
            fits &= np.all((change >= 0) | np.isneginf(game.rows.lower[rows]))
            if fits and 0.0 < gain <= gain_of(relaxation, a, float(point[a] - floor[a])):
                pairs.append((first, second))
                used.remove(first)
                break
    return tuple(pairs)


def _is_allowed(relaxation: HighPoint, row: int, column: int, point: Floats) -> bool:
    """Tell whether one unit of a column more is within its bound and its switching row at the point."""
    game = relaxation.game
    more = point.copy()
    more[column] += 1.0
    activity = float((game.rows.matrix[[row]] @ more)[0])
    within = game.rows.lower[row] - _SMALL <= activity <= game.rows.upper[row] + _SMALL
    return bool(game.columns.integer[column]) and within and bool(more[column] <= game.columns.upper[column])
