"""Recourse that may miss its rows at a price: it exists in every scenario, and its multipliers are bounded.

Source and image, a row in which recourse appears, with the penalty ``p`` a unit of either side::

    L <= A z + N u + G r <= H,    cost b'r
    L <= A z + N u + G r + s - t <= H,    cost b'r + p (s + t),    s, t >= 0

The multiplier of the row lies in ``[-p, p]``: the stationarity of ``s`` and ``t`` says so.

Exact when
    no slack is positive in the worst case; then it is the answer of the source, too, or the source has none that is
    cheaper. Otherwise the answer is that of a game in which what is missing is bought at the penalty.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from reformulations.programs import LEADER, BilevelProgram, Columns, Floats, Integers, Names, Role, widened
from reformulations.refusal import NotApplicable
from reformulations.robust.stages import renumbered


def rows_of_recourse(program: BilevelProgram) -> Integers:
    """Return the rows in which recourse appears."""
    recourse = program.roles[program.column_owner] == Role.RECOURSE
    return np.flatnonzero((abs(program.rows.matrix) @ recourse.astype(np.float64)) > 0)


def with_elastic_rows(program: BilevelProgram, penalty: Floats) -> BilevelProgram:
    """Return the game whose rows of recourse may be missed at ``penalty`` ``(m,)`` a unit; infinite keeps a row hard.

    The columns of ``program`` keep their numbers, the slacks follow: first what is short, then what is too much.

    Raises
    ------
    NotApplicable
        Without recourse, for a penalty that is not positive, and for one of a row without recourse.
    """
    players = np.flatnonzero(program.roles == Role.RECOURSE)
    if len(players) == 0:
        raise NotApplicable("CCG(penalty=...)", "the game has no recourse that could miss a row; declare bl.Recourse")
    for row in np.flatnonzero(~(penalty > 0))[:1]:
        raise NotApplicable(program.rows.names[int(row)], f"its penalty is {penalty[row]:g}; give one above zero")
    elastic, soft = rows_of_recourse(program), np.flatnonzero(np.isfinite(penalty))
    for row in np.setdiff1d(soft, elastic)[:1]:
        raise NotApplicable(program.rows.names[int(row)], "no recourse appears in this row, so it has no penalty")
    rows = program.rows
    short, long = (soft[np.isfinite(side[soft])] for side in (rows.lower, rows.upper))
    count, n, m = len(short) + len(long), len(program.columns), len(program.rows)
    entries = (np.repeat([1.0, -1.0], [len(short), len(long)]), (np.concatenate([short, long]), np.arange(count)))
    slack = sparse.csr_array(sparse.coo_array(entries, shape=(m, count)))
    names = rows.names
    columns = Columns(
        np.zeros(count),
        np.full(count, np.inf),
        np.zeros(count, bool),
        Names(len(short), lambda k: f"{names[int(short[k])]} missed")
        + Names(len(long), lambda k: f"{names[int(long[k])]} missed"),
    )
    price = np.concatenate([penalty[short], penalty[long]]) * program.objectives.sense[LEADER]
    linear = widened(program.objectives.linear, n + count)
    shape = linear.shape
    priced = sparse.coo_array((price, (np.full(count, LEADER), n + np.arange(count))), shape=shape)
    return replace(
        program,
        columns=program.columns.append(columns),
        column_owner=np.concatenate([program.column_owner, np.full(count, players[0])]),
        rows=replace(rows, matrix=sparse.csr_array(sparse.hstack([rows.matrix, slack], format="csr"))),
        objectives=replace(program.objectives, linear=sparse.csr_array(linear + priced.tocsr())),
        multipliers=renumbered(program.multipliers, (n, m), (np.arange(n), np.arange(m)), (n + count, m)),
    )


def missed(program: BilevelProgram, elastic: BilevelProgram, point: Floats, tolerance: float) -> tuple[str, ...]:
    """Return in words which rows a point of the elastic game misses by more than ``tolerance``, and by how much."""
    slack = np.arange(len(program.columns), len(elastic.columns))
    found = slack[point[slack] > tolerance]
    return tuple(f"{elastic.columns.names[int(j)]} by {point[j]:.6g}" for j in found)
