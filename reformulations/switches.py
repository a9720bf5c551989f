"""Rows by which the leader switches off one variable of a follower: interdiction."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from reformulations.high_point import HighPoint
from reformulations.interval import activity_range
from reformulations.programs import LEADER, Floats


def switching_rows(relaxation: HighPoint, follower: int) -> dict[int, int]:
    """Return the rows that only switch off one column of the follower, and that column.

    Such a row ``y_c <= u (1 - x_j)`` has one own column and one of the leader's, and every row of the follower stays
    satisfied when ``y_c`` falls to its lower bound. A response that uses ``y_c`` where ``x_j`` forbids it is then feasible
    without it, and no worse than by the cost of ``y_c`` (down-monotone interdiction games: Fischetti, Ljubic, Monaci and
    Sinnl, INFORMS Journal on Computing 31, 2019, doi:10.1287/ijoc.2018.0831).
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


def cost_of_switching_off(relaxation: HighPoint, row: int, switching: dict[int, int], response: Floats) -> float:
    """Return by how much a response's objective worsens without the column that ``row`` switches off; else infinity."""
    column = switching.get(row)
    if column is None:
        return np.inf
    game = relaxation.game
    player = int(game.row_owner[row])
    cost = float(game.objectives.sense[player]) * float(game.objectives.linear[[player]].toarray()[0, column])
    return max(0.0, -cost * float(response[column] - game.columns.lower[column]))
