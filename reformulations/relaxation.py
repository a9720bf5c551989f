"""Linear relaxations of one follower's optimality system, for bounding its multipliers and slacks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.programs import MPEC, Columns, Floats, Integers, MixedIntegerProgram, Rows
from reformulations.strong_duality import gap_rows
from reformulations.underestimators import linearised_below

ROUNDING = 1e-6
"""Relative loosening of the extra rows: they come from points that meet equalities up to a solver's tolerance."""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A linear program that holds every optimal primal-dual point of one follower.

    ``columns`` ``(n,)`` are the MPEC's columns behind the program's first ``n`` columns; ``entries``
    ``(k,)`` the follower's complementarity entries, and for each the program's ``row`` (-1 where the
    entry is a bound of a column) and the program's columns ``multiplier`` and ``bounded`` (the column
    whose bound it is, -1 for rows).
    """

    program: MixedIntegerProgram
    columns: Integers
    entries: Integers
    row: Integers
    multiplier: Integers
    bounded: Integers


def relaxation(mpec: MPEC, player: int, lower: Floats, upper: Floats, extra: Rows | None = None) -> Relaxation:
    """Relax the optimality system of follower ``player`` over the box ``lower <= z <= upper``.

    Kept are the rows of the MPEC that involve only the leader's columns, this follower's columns and
    multipliers, and the columns of others that its rows and gradients mention. Integrality and
    complementarity are dropped; the strong-duality row ``primal <= dual`` (and the ``extra`` rows
    over the MPEC's columns, loosened by :data:`ROUNDING`) are added with their products
    under-estimated over the box.
    """
    pairs = mpec.complementarity
    entries = np.flatnonzero(pairs.owner == player)
    kept, near = _neighbourhood(mpec, entries)
    inequalities = gap_rows(mpec, np.array([player], np.int64))
    if extra is not None:
        inequalities = inequalities.append(replace(extra, upper=extra.upper + ROUNDING * (1.0 + np.abs(extra.upper))))
    inequalities = _with_tangents(inequalities, mpec, entries, lower, upper)
    linear = linearised_below(inequalities, lower, upper)
    n, fresh = len(mpec.columns), len(linear.columns)
    rows = Rows(
        sparse.csr_array(mpec.rows.matrix[kept]),
        mpec.rows.lower[kept],
        mpec.rows.upper[kept],
        mpec.rows.names.take(kept),
    ).append(linear.rows)
    picked = np.concatenate([near, n + np.arange(fresh)])
    position = np.full(n + fresh, -1, np.int64)
    position[picked] = np.arange(len(picked))
    matrix = sparse.csr_array((rows.matrix.data, rows.matrix.indices, rows.matrix.indptr), shape=(len(rows), n + fresh))
    box = Columns(lower, upper, np.zeros(n, bool), mpec.columns.names).append(linear.columns)
    columns = Columns(box.lower[picked], box.upper[picked], np.zeros(len(picked), bool), box.names.take(picked))
    program = MixedIntegerProgram(
        columns,
        Rows(sparse.csr_array(matrix[:, picked]), rows.lower, rows.upper, rows.names),
        np.zeros(len(picked)),
        0.0,
    )
    row, bounded = _places(mpec, entries, kept)
    return Relaxation(
        program,
        near,
        entries,
        row,
        position[pairs.multiplier[entries]],
        np.where(bounded >= 0, position[bounded], -1),
    )


def _with_tangents(rows: Rows, mpec: MPEC, entries: Integers, lower: Floats, upper: Floats) -> Rows:
    """Replace in each row the convex form ``y' Q y`` of the follower's columns by its tangent at the box's middle.

    Products with columns of other followers stay: with them the form need not be convex.
    """
    conditions = sparse.csc_array(mpec.rows.matrix[mpec.stationarity.row])
    touched = sparse.csc_array(conditions[:, mpec.complementarity.multiplier[entries]])
    follower = np.zeros(len(mpec.columns), bool)
    follower[mpec.stationarity.column[np.unique(touched.indices)]] = True
    own = follower[rows.products.left] & follower[rows.products.right]
    if not own.any():
        return rows
    with np.errstate(invalid="ignore"):
        middle = 0.5 * (lower + upper)
    middle = np.where(np.isfinite(middle), middle, 0.0)
    forms = rows.products.take(own)
    slopes = [np.asarray(forms.hessian(len(mpec.columns), row) @ middle) for row in range(len(rows))]
    return Rows(
        sparse.csr_array(rows.matrix + sparse.csr_array(np.array(slopes))),
        rows.lower,
        rows.upper + np.array([0.5 * float(slope @ middle) for slope in slopes]),
        rows.names,
        rows.products.take(~own),
    )


def _neighbourhood(mpec: MPEC, entries: Integers) -> tuple[Integers, Integers]:
    """Return the rows of the MPEC that concern this follower, and the columns they mention."""
    pairs, n = mpec.complementarity, len(mpec.columns)
    foreign = np.zeros(n, bool)
    foreign[mpec.stationarity.column] = True
    foreign[pairs.multiplier] = True
    own_multiplier = np.zeros(n, bool)
    own_multiplier[pairs.multiplier[entries]] = True
    matrix = mpec.rows.matrix
    row_of_entry = np.repeat(np.arange(len(mpec.rows)), np.diff(matrix.indptr))
    conditions = mpec.stationarity.row
    concerned = np.zeros(len(mpec.rows), bool)
    concerned[row_of_entry[own_multiplier[matrix.indices]]] = True
    mine = conditions[concerned[conditions]]
    allowed = ~foreign
    for block in (mpec.rows.matrix[mine], pairs.slack[entries]):
        allowed[block.indices] = True
    allowed[pairs.multiplier[entries]] = True
    outside = np.bincount(row_of_entry, ~allowed[matrix.indices], len(mpec.rows)) > 0
    bilinear = np.zeros(len(mpec.rows), bool)
    bilinear[mpec.rows.products.index] = True
    return np.flatnonzero(~outside & ~bilinear), np.flatnonzero(allowed)


def _places(mpec: MPEC, entries: Integers, kept: Integers) -> tuple[Integers, Integers]:
    """Return the relaxation's row of each entry, or the MPEC's column whose bound it is."""
    pairs = mpec.complementarity
    single = np.diff(pairs.slack.indptr)[entries] == 1
    first = pairs.slack.indices[pairs.slack.indptr[entries]] if len(entries) else entries
    row_index = pairs.row[entries]
    position = np.full(len(mpec.rows), -1, np.int64)
    position[kept] = np.arange(len(kept))
    row = np.where(row_index >= 0, position[row_index], -1)
    bounded = np.where((row_index < 0) & single, first, -1).astype(np.int64)
    return row, bounded
