"""Rows that an integer switches, with no larger coefficients than they need.

    source   a'w + sum c_k z_k <= b,      z_k integer in [l_k, u_k],   w in a box that other rows imply
    image    a'w + sum d_k z_k <= b + sum (d_k - c_k) e_k      with e_k = l_k where c_k < 0, u_k where c_k > 0

The row binds most where all ``z_k = e_k``. Let ``x`` be by how much ``a'w`` may exceed there what it leaves, over the
box. One step of one ``z_k`` away from ``e_k`` gives ``w`` another ``|c_k|``: with ``|c_k| > x`` the row is off, and
``d_k = 2 x`` in the direction of ``c_k`` does that as well. Exact: at all integers the row cuts off the same ``w``, and
where it cut off nothing it still has room, so that its multiplier is zero as before. The box comes from declared
bounds, and from the rows of the followers and of the leader alone that stay as they are.

Why: a user's big-M of 1e9 on ``z`` lets a thousand units through at ``z = 1e-6``, which solvers take for zero (trickle
flow; Klotz and Newman, Surveys in Operations Research and Management Science 18 (2013),
doi:10.1016/j.sorms.2012.12.001). The tightening is that of Savelsbergh, ORSA Journal on Computing 6 (1994), with room.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.arrays import Booleans, Columns, Floats, Rows
from reformulations.interval import propagate
from reformulations.programs import LEADER, BilevelProgram
from reformulations.recovery import Recovery, Reduced

LARGE = 1e3
"""Coefficients of integers are looked at where they are larger than another of the row by more than this."""

WORTH_IT = 10.0
"""Coefficients up to so many times what is needed stay as they are."""

DISTINCT = 1e-6
"""An excess that is smaller, relative to the row, is no room."""


@dataclass(frozen=True, slots=True)
class SwitchedRows:
    """Shrink large coefficients of integers in rows that they switch off; a row with two sides or products stays."""

    def apply(self, program: BilevelProgram) -> Reduced[BilevelProgram]:
        """Return the game with the smaller coefficients, itself where there are none; the way back changes nothing."""
        unchanged = Reduced(program, Recovery.identity(program.point_size))
        entries = program.rows.matrix.tocoo()
        mixed = np.zeros(len(program.rows), bool)
        mixed[entries.row[(program.column_owner != LEADER)[entries.col] & (entries.data != 0)]] = True
        vouching = program.follower_rows | ((program.row_owner == LEADER) & ~mixed)
        rows = with_smaller_switches(program.rows, program.columns, vouching)
        return unchanged if rows is program.rows else replace(unchanged, program=replace(program, rows=rows))


def with_smaller_switches(rows: Rows, columns: Columns, vouching: Booleans | None = None) -> Rows:
    """Return rows with the same points, with less on the integers that switch them; themselves where none is large.

    Parameters
    ----------
    rows, columns
        Of a program or a game.
    vouching
        Rows ``(m,)`` that hold wherever a switched row has to be what it was; all of them unless told.
    """
    large = _switching(rows, columns)
    if not np.any(large):
        return rows
    entries = rows.matrix.tocoo()
    turn = np.where(np.isfinite(rows.upper), 1.0, -1.0)
    row, column, value = entries.row, entries.col, turn[entries.row] * entries.data
    switched = np.zeros(len(rows), bool)
    switched[row[large]] = True
    lower, upper = _box(rows, columns, ~switched if vouching is None else vouching & ~switched)
    end = np.where(value > 0, upper[column], lower[column])
    most = np.where(value == 0, 0.0, value * end)
    greatest = np.bincount(row, most, len(rows)).astype(np.float64)
    excess = _excess(rows, switched, greatest)
    size = np.bincount(row, np.abs(np.where(columns.integer[column], 0.0, most)), len(rows))
    excess[~(excess > DISTINCT * np.maximum(1.0, size))] = np.inf
    shrinks = large & (np.abs(value) > 2 * WORTH_IT * excess[row])
    if not np.any(shrinks):
        return rows
    smaller = value.copy()
    smaller[shrinks] = np.copysign(2 * excess[row[shrinks]], value[shrinks])
    moved = np.bincount(row[shrinks], (smaller - value)[shrinks] * end[shrinks], len(rows))
    matrix = sparse.csr_array(sparse.coo_array((turn[row] * smaller, (row, column)), shape=rows.matrix.shape).tocsr())
    return replace(rows, matrix=matrix, lower=rows.lower - moved, upper=rows.upper + moved)


def _switching(rows: Rows, columns: Columns) -> Booleans:
    """Mask the entries of the rows with which an integer may switch its row off."""
    entries = rows.matrix.tocoo()
    one_sided = np.isfinite(rows.lower) != np.isfinite(rows.upper)
    one_sided[rows.products.index] = False
    size = np.where(entries.data == 0, np.inf, np.abs(entries.data))
    least = np.full(len(rows), np.inf)
    np.minimum.at(least, entries.row, size)
    whole = columns.integer[entries.col] & one_sided[entries.row]
    return np.asarray(whole & (np.abs(entries.data) > LARGE * least[entries.row]))


def _box(rows: Rows, columns: Columns, kept: Booleans) -> tuple[Floats, Floats]:
    """Return bounds of all columns that the rows ``kept`` imply, those of integers as declared."""
    sides = np.where(kept, rows.lower, -np.inf), np.where(kept, rows.upper, np.inf)
    lower, upper = propagate(Rows(rows.matrix, *sides, rows.names, rows.products), columns.lower, columns.upper)
    return np.where(columns.integer, columns.lower, lower), np.where(columns.integer, columns.upper, upper)


def _excess(rows: Rows, switched: Booleans, greatest: Floats) -> Floats:
    """Return by how much each switched row is exceeded at most, infinite for other rows."""
    side = np.where(np.isfinite(rows.upper), rows.upper, -rows.lower)
    known = switched & np.isfinite(greatest)
    excess = np.full(len(rows), np.inf)
    excess[known] = greatest[known] - side[known]
    return excess
