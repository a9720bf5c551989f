"""Rows by which the leader switches off one variable of a follower."""

from __future__ import annotations

import numpy as np

from reformulations.programs import LEADER, BilevelProgram, Booleans, Integers


def switched_columns(game: BilevelProgram, decided: Booleans) -> Integers:
    """Return for each row ``(m,)`` the column that it does nothing but switch off, or -1.

    Such a row ``y_c <= u (1 - x_j)`` has one own column and one of the leader's, and every row of the follower stays
    satisfied when ``y_c`` falls to its lower bound. A response that uses ``y_c`` where ``x_j`` forbids it is then
    feasible without it, and no worse than by the cost of ``y_c`` (down-monotone interdiction games: Fischetti, Ljubic,
    Monaci and Sinnl, INFORMS Journal on Computing 31, 2019, doi:10.1287/ijoc.2018.0831).

    Parameters
    ----------
    game
        A game with linear followers.
    decided
        Mask ``(m,)`` of the followers' rows with columns of that follower.
    """
    matrix, rows, columns = game.rows.matrix, game.rows, game.columns
    found = np.full(len(rows), -1, np.int64)
    row = np.repeat(np.arange(len(rows)), np.diff(matrix.indptr))
    column, value = matrix.indices.astype(np.int64), matrix.data
    own = decided[row] & (game.row_owner[row] == game.column_owner[column])
    stands = np.where(value > 0, np.isneginf(rows.lower[row]), np.isposinf(rows.upper[row])) | (value == 0)
    fine = np.isfinite(columns.lower)
    fine[column[own & ~stands]] = False
    for terms in (rows.products, game.objectives.products):
        fine[terms.left], fine[terms.right] = False, False
    first = matrix.indptr[:-1].astype(np.int64)[decided & (np.diff(matrix.indptr) == 2)]  # noqa: PLR2004 - both of them
    for one, two in ((first, first + 1), (first + 1, first)):
        kept = own[one] & fine[column[one]] & (game.column_owner[column[two]] == LEADER)
        mine, other = one[kept], two[kept]
        at, switch = row[mine], column[other]
        ends = np.stack([value[other] * columns.lower[switch], value[other] * columns.upper[switch]])
        rest = value[mine] * columns.lower[column[mine]]
        holds = (ends.max(axis=0) + rest <= rows.upper[at]) & (ends.min(axis=0) + rest >= rows.lower[at])
        found[at[holds]] = column[mine[holds]]
    return found
